import numpy as np
import pytest
from pictures import difference, encoded, scene
from PIL import Image

from headstart.data.decoding import decode, load_pixels, read_header
from headstart.data.geometry import Geometry
from headstart.data.orientation import exif_orientation

SCENE = scene()
PHOTO = Image.fromarray(SCENE)


# What each EXIF orientation means: how the upright picture was stored.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def with_orientation(pixels, orientation, kind, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](pixels))
    return encoded(Image.fromarray(stored), kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})],
)
def test_every_orientation_comes_out_upright(orientation, kind, options):
    data = with_orientation(SCENE, orientation, kind, **options)
    header = read_header(data)
    assert (header.width, header.height) == (96, 64)
    tolerance = 6 if kind == "JPEG" else 0
    assert difference(decode(data), SCENE) <= tolerance
    for mode in ("squash", "crop", "pad"):
        geometry = Geometry(mode=mode, size_px=33, crop_fraction=0.8)
        expected = load_pixels(SCENE, geometry)
        assert difference(load_pixels(data, geometry), expected) <= max(tolerance, 1)
    assert decode(data, at_least=(50, 20)).shape[1] >= 50


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"garbage",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 30,
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0",
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_broken_exif_block_leaves_the_image_as_stored(kind, block, recwarn):
    data = encoded(PHOTO, kind, exif=b"Exif\0\0" + block)
    assert decode(data).shape == SCENE.shape
    assert not recwarn.list


def test_an_orientation_of_another_byte_order_is_read():
    entry = b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    assert exif_orientation(b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry) == 6
    assert exif_orientation(b"MM\0*\0\0\0\x08\0\x01" + entry[:-4]) == 1
