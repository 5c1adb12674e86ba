"""A map comes back to where in the image it was seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.config.schema import GeometryMode
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.explain.placing import on_image


@pytest.mark.parametrize("mode", ["crop", "pad", "squash"])
@given(
    width=st.integers(80, 240),
    height=st.integers(80, 240),
    fraction=st.sampled_from([0.875, 1.0]),
)
@settings(max_examples=15)
def test_what_the_square_shows_bright_is_bright_on_the_image(
    mode: GeometryMode, width: int, height: int, fraction: float
) -> None:
    geometry = Geometry(mode=mode, size_px=96, crop_fraction=fraction, fill=(0, 0, 0))
    image = np.zeros((height, width, 3), np.uint8)
    row, column = height * 2 // 5, width * 2 // 5
    image[row : row + height // 4, column : column + width // 4] = 255
    seen = load_pixels(image, geometry)[..., 0].astype(np.float32) / 255
    back = on_image(seen, geometry, width, height)
    assert back.shape == (height, width)
    assert np.abs(back - image[..., 0] / 255.0).mean() < 0.02


def test_what_a_crop_never_saw_stays_cold() -> None:
    geometry = Geometry(mode="crop", size_px=32, crop_fraction=1.0)
    back = on_image(np.ones((32, 32), np.float32), geometry, 100, 50)
    assert (back[:, 25:75] == 1).all()
    assert back.sum() == 50 * 50
