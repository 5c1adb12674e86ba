import struct
import zlib

import numpy as np
import pytest
from pictures import difference, encoded, scene
from PIL import Image

from headstart.data.decoding import decode, read_header
from headstart.errors import BadImageError

SCENE = scene()
PHOTO = Image.fromarray(SCENE)


def test_cmyk_jpegs_keep_their_colours():
    cmyk = PHOTO.convert("CMYK")
    data = encoded(cmyk, "JPEG", quality=95)
    assert read_header(data).mode == "CMYK"
    assert difference(decode(data), np.array(cmyk.convert("RGB"))) < 4
    assert difference(decode(data), SCENE) < 12
    assert decode(data, at_least=(24, 16)).shape == (16, 24, 3)


def test_transparent_pixels_show_white():
    rgba = np.dstack([SCENE, np.full(SCENE.shape[:2], 255, np.uint8)])
    rgba[:, :48, 3] = 0
    rgba[:, 48:60, 3] = 128
    data = encoded(Image.fromarray(rgba), "PNG")
    pixels = decode(data)
    assert (pixels[:, :48] == 255).all()
    assert difference(pixels[:, 60:], SCENE[:, 60:]) == 0
    half = (SCENE[:, 48:60].astype(int) + 255) / 2
    assert np.abs(pixels[:, 48:60] - half).max() <= 2
    np.testing.assert_array_equal(
        decode(encoded(Image.fromarray(rgba), "WEBP", lossless=True, exact=True)), pixels
    )


def test_transparent_palette_entries_show_white():
    indices = np.zeros((4, 8), np.uint8)
    indices[:, 4:] = 1
    image = Image.fromarray(indices, "L").convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    for kind in ("PNG", "GIF"):
        pixels = decode(encoded(image, kind, transparency=0))
        assert (pixels[:, :4] == 255).all()
        assert (pixels[:, 4:] == (200, 100, 50)).all()
    some = encoded(image, "PNG", transparency=bytes([0, 255]))
    assert (decode(some)[:, :4] == 255).all()


def test_16_bit_grey_keeps_256_levels():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = (ramp >> 8).astype(np.uint8)
    for kind in ("PNG", "TIFF"):
        pixels = decode(encoded(Image.fromarray(ramp), kind))
        np.testing.assert_array_equal(pixels, np.dstack([expected] * 3))


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, bits, colour, rows, *extra):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + png_chunk(b"IEND", b"")


def test_16_bit_colour_keeps_the_high_byte():
    values = np.arange(0, 65536, 65536 // (16 * 3), dtype=np.uint16)[:48].reshape(1, 16, 3)
    data = png(16, 1, 16, 2, b"\0" + values.astype(">u2").tobytes())
    np.testing.assert_array_equal(decode(data), (values >> 8).astype(np.uint8))


def test_a_transparent_grey_level_of_a_16_bit_png_shows_white():
    values = np.array([[0, 1000, 40000, 65535]], ">u2")
    data = png(4, 1, 16, 0, b"\0" + values.tobytes(), png_chunk(b"tRNS", b"\x03\xe8"))
    assert decode(data)[0, :, 0].tolist() == [0, 255, 156, 255]


def test_float_tiffs_count_from_0_to_1_or_are_refused():
    unit = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    assert decode(encoded(Image.fromarray(unit), "TIFF"))[..., 0].ravel().tolist() == list(
        range(256)
    )
    with pytest.raises(BadImageError, match="float pixels from 0 to 300, expected 0 to 1"):
        decode(encoded(Image.fromarray(unit * 300), "TIFF"))
    with pytest.raises(BadImageError, match="float pixels"):
        decode(encoded(Image.fromarray(unit * np.float32("nan")), "TIFF"))


def test_32_bit_integers_are_refused_because_they_have_no_scale():
    data = encoded(Image.fromarray(np.arange(64, dtype=np.int32).reshape(8, 8)), "TIFF")
    with pytest.raises(BadImageError, match="32-bit integer pixels have no common scale"):
        decode(data)
