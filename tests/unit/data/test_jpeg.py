import pytest
from pictures import difference, encoded, scene
from PIL import Image

from headstart.data.decoding import decode, load_pixels
from headstart.data.geometry import Geometry
from headstart.data.jpeg import JpegFrame, least_eighths, scan_jpeg
from headstart.errors import BadImageError

PHOTO = Image.fromarray(scene())


def test_the_header_scan_finds_size_and_orientation_without_decoding():
    exif = Image.Exif()
    exif[0x0112] = 8
    frame = scan_jpeg(encoded(PHOTO, "JPEG", exif=exif, progressive=True))
    assert frame == JpegFrame(width=96, height=64, components=3, bits=8, orientation=8)
    assert frame.is_ordinary


def test_cmyk_is_not_ordinary_and_an_irregular_header_is_left_to_pillow():
    assert not scan_jpeg(encoded(PHOTO.convert("CMYK"), "JPEG")).is_ordinary
    data = encoded(PHOTO, "JPEG")
    assert scan_jpeg(data[:2] + b"\0\0" + data[2:]) is None
    assert scan_jpeg(data[:2] + b"\xff\xff" + data[2:]) == scan_jpeg(data)


@pytest.mark.parametrize(
    ("at_least", "eighths"),
    [
        (None, 8),
        ((1, 1), 1),
        ((80, 60), 1),
        ((81, 1), 2),
        ((401, 1), 6),
        ((601, 1), 8),
        ((9999, 1), 8),
    ],
)
def test_the_scale_is_the_smallest_that_is_large_enough(at_least, eighths):
    frame = JpegFrame(width=640, height=480, components=3, bits=8, orientation=1)
    assert least_eighths(frame, at_least) == eighths


def test_a_truncated_jpeg_says_so_even_with_an_end_marker_put_back():
    data = encoded(PHOTO, "JPEG")
    for options in ({}, {"progressive": True}):
        data = encoded(PHOTO, "JPEG", **options)
        for ending in (b"", b"\xff\xd9"):
            with pytest.raises(BadImageError, match="truncated JPEG"):
                load_pixels(data[: len(data) * 2 // 3] + ending, Geometry())


def test_an_untidy_but_whole_jpeg_is_read():
    data = encoded(PHOTO, "JPEG")
    for untidy in (data + b"trailing bytes", data[:-2] + bytes(40) + b"\xff\xd9"):
        assert difference(decode(untidy), decode(data)) < 3


def test_shrinking_on_load_agrees_with_a_full_decode():
    large = scene(1003, 701)
    data = encoded(Image.fromarray(large), "JPEG", quality=92)
    full = decode(data)
    for mode in ("squash", "crop", "pad"):
        for size in (100, 224, 500):
            geometry = Geometry(mode=mode, size_px=size, crop_fraction=0.875)
            assert difference(load_pixels(data, geometry), load_pixels(full, geometry)) < 2
    small = decode(data, at_least=(224, 100))
    assert 224 <= small.shape[1] < 400
    assert decode(data, at_least=(5000, 5000)).shape == full.shape
