import struct
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import difference, encoded, scene
from PIL import Image

from headstart.data.decoding import decode, load_pixels, read_header
from headstart.data.geometry import Geometry
from headstart.errors import BadImageError

SCENE = scene()
PHOTO = Image.fromarray(SCENE)
GREY = PHOTO.convert("L")

LOSSLESS = {
    "png-rgb": (encoded(PHOTO, "PNG"), PHOTO),
    "png-grey": (encoded(GREY, "PNG"), GREY),
    "png-1": (encoded(GREY.convert("1"), "PNG"), GREY.convert("1")),
    "png-palette": (encoded(PHOTO.quantize(64), "PNG"), PHOTO.quantize(64)),
    "png-rgba": (encoded(PHOTO.convert("RGBA"), "PNG"), PHOTO),
    "png-la": (encoded(GREY.convert("LA"), "PNG"), GREY),
    "webp-lossless": (encoded(PHOTO, "WEBP", lossless=True), PHOTO),
    "bmp-rgb": (encoded(PHOTO, "BMP"), PHOTO),
    "bmp-grey": (encoded(GREY, "BMP"), GREY),
    "bmp-1": (encoded(GREY.convert("1"), "BMP"), GREY.convert("1")),
    "gif": (encoded(GREY, "GIF"), GREY),
    "tiff-rgb": (encoded(PHOTO, "TIFF"), PHOTO),
    "tiff-lzw": (encoded(PHOTO, "TIFF", compression="tiff_lzw"), PHOTO),
    "tiff-grey": (encoded(GREY, "TIFF"), GREY),
    "tiff-fax": (encoded(GREY.convert("1"), "TIFF", compression="group4"), GREY.convert("1")),
    "tiff-palette": (encoded(PHOTO.quantize(64), "TIFF"), PHOTO.quantize(64)),
    "tiff-rgba": (encoded(PHOTO.convert("RGBA"), "TIFF"), PHOTO),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_decode_to_exactly_the_pixels_saved(name):
    data, image = LOSSLESS[name]
    expected = np.array(image.convert("RGB"))
    header = read_header(data)
    assert (header.width, header.height) == PHOTO.size
    assert header.format.lower() == name.split("-")[0]
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)
    geometry = Geometry(size_px=32)
    np.testing.assert_array_equal(load_pixels(data, geometry), load_pixels(expected, geometry))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 92}),
        ("JPEG", {"quality": 92, "progressive": True}),
        ("JPEG", {"quality": 92, "subsampling": 0}),
        ("MPO", {"quality": 92}),
        ("WEBP", {"quality": 92}),
        ("TIFF", {"compression": "jpeg", "quality": 92}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lossy_formats_decode_closely(kind, options, mode):
    image = PHOTO.convert(mode)
    if mode == "L":
        options = {key: value for key, value in options.items() if key != "subsampling"}
    data = encoded(image, kind, **options)
    assert difference(decode(data), np.array(image.convert("RGB"))) < 6


def test_the_extension_of_a_file_does_not_matter_and_its_content_does():
    assert read_header(encoded(PHOTO, "MPO")).format == "JPEG"
    assert read_header(encoded(PHOTO, "PNG")).mode == "RGB"
    assert read_header(encoded(GREY, "JPEG")).mode == "L"
    assert read_header(SCENE).format == "array"


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert (decode(data) == (255, 0, 0)).all()
    webp = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert (decode(webp) == (255, 0, 0)).all()


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, bits, colour, rows, *extra):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + png_chunk(b"IEND", b"")


def test_the_cap_is_checked_on_the_header_before_any_pixel():
    bomb = png(100_000, 100_000, 8, 2, b"")
    tracemalloc.start()
    started = time.process_time()
    for function in (read_header, decode):
        with pytest.raises(BadImageError, match=r"10,000,000,000 pixels, over the limit of 50,000"):
            function(bomb)
    with pytest.raises(BadImageError, match="--max-pixels"):
        load_pixels(bomb, Geometry())
    took, most = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 1
    assert most < 1_000_000


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_one_cap_for_all_formats(kind):
    data = encoded(PHOTO, kind)
    assert decode(data, max_pixels=96 * 64).shape == SCENE.shape
    with pytest.raises(BadImageError, match="6,144 pixels, over the limit of 6,143"):
        decode(data, max_pixels=96 * 64 - 1)
    with pytest.raises(BadImageError, match="over the limit"):
        read_header(SCENE, max_pixels=100)


def test_pillows_own_cap_does_not_interfere(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        assert decode(encoded(PHOTO, kind)).shape == SCENE.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_file_is_bad_and_never_half_grey(kind, share):
    data = encoded(PHOTO, kind)
    with pytest.raises(BadImageError):
        decode(data[: int(len(data) * share)])


def test_arrays_of_another_kind_are_refused_with_what_was_expected():
    for array in (np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)):
        with pytest.raises(BadImageError, match=r"expected uint8 of shape \(H, W, 3\) or \(H, W\)"):
            decode(array)
    with pytest.raises(BadImageError, match="no pixels"):
        decode(np.zeros((0, 4, 3), np.uint8))


def test_grey_and_strided_arrays_are_read():
    grey = SCENE[..., 0]
    np.testing.assert_array_equal(decode(grey), np.dstack([grey] * 3))
    np.testing.assert_array_equal(decode(SCENE[::2, ::-1]), SCENE[::2, ::-1])


def test_pixels_are_writable_contiguous_and_the_same_every_time():
    data = encoded(PHOTO, "JPEG")
    first, second = (load_pixels(data, Geometry()) for _ in range(2))
    assert first.flags.c_contiguous
    assert first.flags.writeable
    np.testing.assert_array_equal(first, second)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 300) | st.just(5000),
    height=st.integers(1, 300) | st.just(5000),
    size=st.integers(16, 64),
    mode=st.sampled_from(["crop", "pad", "squash"]),
    interpolation=st.sampled_from(["bilinear", "bicubic", "lanczos", "nearest", "box"]),
    fraction=st.floats(0.05, 1.0),
    kind=st.sampled_from(["JPEG", "PNG", None]),
)
def test_any_size_becomes_the_square_asked_for(
    width, height, size, mode, interpolation, fraction, kind
):
    image = Image.new("RGB", (width, height), (90, 150, 30))
    data = np.array(image) if kind is None else encoded(image, kind)
    geometry = Geometry(
        mode=mode, size_px=size, interpolation=interpolation, crop_fraction=fraction
    )
    pixels = load_pixels(data, geometry)
    assert pixels.shape == (size, size, 3)
    assert np.abs(pixels[(size - 1) // 2, (size - 1) // 2].astype(int) - (90, 150, 30)).max() <= 3


def test_threads_get_the_same_pixels_as_one_after_another():
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
    files = [encoded(Image.fromarray(scene(seed=i)), kind) for i, kind in enumerate(kinds)] * 8
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(decode, files))
    for data, pixels in zip(files, together, strict=True):
        np.testing.assert_array_equal(pixels, decode(data))
