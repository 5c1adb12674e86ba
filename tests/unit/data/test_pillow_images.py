import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, scene
from PIL import Image

from headstart.data.decoding import decode, load_pixels, read_header
from headstart.data.geometry import Geometry
from headstart.errors import BadImageError

SCENE = scene()
PHOTO = Image.fromarray(SCENE)
GREY = PHOTO.convert("L")


TURNED = Image.Exif()
TURNED[0x0112] = 6
VALID = [
    *(encoded(PHOTO, kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")),
    encoded(PHOTO, "JPEG", progressive=True),
    encoded(PHOTO.convert("CMYK"), "JPEG"),
    encoded(PHOTO.quantize(16), "PNG", transparency=3),
    encoded(PHOTO.convert("RGBA"), "WEBP", lossless=True),
    encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    encoded(PHOTO, "TIFF", compression="tiff_adobe_deflate"),
    encoded(GREY.convert("1"), "TIFF", compression="group4"),
    encoded(Image.fromarray(np.zeros((9, 9), np.uint16)), "PNG"),
    encoded(PHOTO, "JPEG", exif=TURNED),
    encoded(PHOTO, "TIFF", exif=TURNED),
    encoded(PHOTO, "PNG", save_all=True, append_images=[GREY.convert("RGB")]),
]


@st.composite
def damaged_files(draw):
    """A valid file with a few bytes overwritten, perhaps cut off or doubled."""
    data = bytearray(draw(st.sampled_from(VALID)))
    reach = draw(st.sampled_from([64, 700, len(data)]))
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, min(reach, len(data)) - 1))] = draw(st.integers(0, 255))
    end = draw(st.integers(1, len(data)) | st.just(len(data)))
    return bytes(data[:end])


def outcomes(data):
    """What a file does in each function: a reason, or nothing if it is read."""
    for function in (read_header, decode, lambda d, **k: load_pixels(d, Geometry(size_px=16), **k)):
        try:
            function(data, max_pixels=2_000_000)
        except BadImageError as error:
            yield str(error)


def raises_only_bad_image(data):
    for reason in outcomes(data):
        assert reason
        assert "\n" not in reason


@settings(max_examples=300, deadline=None)
@given(damaged_files())
def test_damaged_files_raise_bad_image_error_or_decode_and_nothing_else(data):
    raises_only_bad_image(data)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            b"",
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"II*\0",
            b"RIFF0000WEBPVP8X",
            b"BM",
        ]
    ),
    st.binary(max_size=200),
)
def test_random_bytes_raise_bad_image_error_and_nothing_else(start, rest):
    raises_only_bad_image(start + rest)


def test_damaged_files_print_nothing(capfd):
    noise = np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for original in VALID:
            for _ in range(8):
                data = bytearray(original)
                for position in noise.integers(8, len(data), 4):
                    data[position] = noise.integers(0, 256)
                raises_only_bad_image(bytes(data))
    assert capfd.readouterr() == ("", "")


def test_reading_leaves_the_users_warning_filters_alone():
    before = list(warnings.filters)
    decode(encoded(PHOTO, "TIFF"))
    with pytest.raises(BadImageError):
        decode(encoded(PHOTO, "PNG")[:200])
    assert list(warnings.filters) == before
