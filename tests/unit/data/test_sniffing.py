import io

import pytest
from PIL import Image

from headstart.data.decoding import decode, read_header
from headstart.data.sniffing import image_format
from headstart.errors import BadImageError


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_each_allowed_format_is_told_by_its_content(kind):
    assert image_format(encoded(Image.new("RGB", (5, 4)), kind)) == kind


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "starts with %!PS-Adobe-3"),
        (b"8BPS\0\1" + bytes(40), "JPEG, PNG, WebP, GIF, BMP and TIFF are"),
        (b"%PDF-1.7\n" + bytes(40), "not an image headstart reads"),
        (b"<svg xmlns=...>", "not an image"),
        (b"P6 1 1 255 abc", "not an image"),
        (b"BMore text than image", "not an image"),
        (bytes(100), "starts with 00 00 00 00"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WEBP"),
        (b"GIF89a", "GIF"),
        (b"II*\0", "TIFF"),
    ],
)
def test_what_is_no_image_is_refused_with_one_line(data, reason):
    for function in (read_header, decode):
        with pytest.raises(BadImageError) as caught:
            function(data)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 160
