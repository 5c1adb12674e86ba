import numpy as np
import pytest
from PIL import Image

from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.data.resizing import fit, least_size

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def thirds(width, height):
    """Three stripes side by side: red, green, blue."""
    image = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate((RED, GREEN, BLUE)):
        image[:, index * width // 3 : (index + 1) * width // 3] = colour
    return image


def test_crop_keeps_only_the_central_square():
    pixels = load_pixels(thirds(300, 100), Geometry(mode="crop", size_px=50))
    assert (pixels[:, 2:-2] == GREEN).all()


def test_crop_of_a_tall_image_keeps_its_middle():
    tall = thirds(300, 100).transpose(1, 0, 2)
    pixels = load_pixels(tall, Geometry(mode="crop", size_px=50))
    assert (pixels[2:-2] == GREEN).all()


def test_a_crop_fraction_keeps_a_share_of_the_shorter_side():
    image = np.zeros((100, 100, 3), np.uint8)
    image[25:75, 25:75] = GREEN
    geometry = Geometry(mode="crop", size_px=32, crop_fraction=0.5, interpolation="box")
    assert (load_pixels(image, geometry) == GREEN).all()


def test_squash_keeps_everything():
    pixels = load_pixels(thirds(300, 100), Geometry(mode="squash", size_px=60, interpolation="box"))
    for index, colour in enumerate((RED, GREEN, BLUE)):
        assert (pixels[:, 20 * index : 20 * (index + 1)] == colour).all()


@pytest.mark.parametrize("turned", [False, True])
def test_pad_keeps_everything_between_two_equal_borders(turned):
    fill = (9, 8, 7)
    image = thirds(300, 100).transpose(1, 0, 2) if turned else thirds(300, 100)
    geometry = Geometry(mode="pad", size_px=60, interpolation="box", fill=fill)
    pixels = load_pixels(image, geometry)
    pixels = pixels.transpose(1, 0, 2) if turned else pixels
    assert (pixels[:20] == fill).all()
    assert (pixels[40:] == fill).all()
    for index, colour in enumerate((RED, GREEN, BLUE)):
        assert (pixels[20:40, 20 * index : 20 * (index + 1)] == colour).all()


def test_interpolation_names_select_different_filters():
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    names = ("bilinear", "bicubic", "lanczos", "nearest", "box")
    squares = {load_pixels(image, Geometry(size_px=32, interpolation=n)).tobytes() for n in names}
    assert len(squares) == len(names)


@pytest.mark.parametrize(
    ("mode", "fraction", "expected"),
    [
        ("squash", 1.0, (224, 224)),
        ("crop", 1.0, (448, 224)),
        ("crop", 0.5, (896, 448)),
        ("crop", 0.1, (2000, 1000)),
        ("pad", 1.0, (224, 112)),
    ],
)
def test_a_decode_is_asked_for_just_what_the_geometry_keeps(mode, fraction, expected):
    assert least_size(Geometry(mode=mode, crop_fraction=fraction), 2000, 1000) == expected


def test_a_shrunk_image_is_framed_by_its_content_and_not_by_its_rounded_edge():
    shrunk = Image.new("RGB", (51, 50), GREEN)
    shrunk.paste(BLUE, (50, 0, 51, 50))
    square = fit(shrunk, Geometry(size_px=50, interpolation="box"), (400, 400), scale=1 / 8)
    assert (np.asarray(square) == GREEN).all()
