"""What decoding processes are asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.errors import BadImageError
from headstart.serving.online.views import Whole, could_be, read_view, rendered, written


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("view", [Geometry(size_px=64), Geometry(mode="crop"), Whole(longest_px=9)])
def test_a_view_arrives_as_it_was_sent(view) -> None:
    assert read_view(written(view)) == view


def test_a_whole_image_keeps_its_shape_and_is_never_enlarged(picture) -> None:
    image = picture(1, size=(80, 40))
    np.testing.assert_array_equal(
        rendered(encoded(image), Whole(longest_px=100), max_pixels=10_000), image
    )
    assert rendered(encoded(image), Whole(longest_px=20), max_pixels=10_000).shape == (10, 20, 3)


def test_a_whole_image_stands_upright(picture) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(picture(1, size=(80, 40)), "JPEG", exif=exif)
    assert rendered(turned, Whole(longest_px=40), max_pixels=10_000).shape == (40, 20, 3)


def test_squares_are_those_of_training_and_limits_hold(picture) -> None:
    image, geometry = encoded(picture(1)), Geometry(size_px=32)
    np.testing.assert_array_equal(
        rendered(image, geometry, max_pixels=10_000), load_pixels(image, geometry)
    )
    with pytest.raises(BadImageError, match="over the limit"):
        rendered(image, Whole(longest_px=20), max_pixels=10)


@pytest.mark.parametrize(
    ("view", "size", "expected"),
    [
        (Geometry(size_px=32), (32, 32), True),
        (Geometry(size_px=32), (32, 31), False),
        (Whole(longest_px=32), (32, 1), True),
        (Whole(longest_px=32), (33, 1), False),
        (Whole(longest_px=32), (0, 1), False),
    ],
)
def test_other_sizes_than_were_asked_for_are_known(view, size, expected) -> None:
    assert could_be(view, *size) == expected
