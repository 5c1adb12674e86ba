"""Where covering hurts is where the evidence lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headstart.explain.evidence import lead
from headstart.explain.occlusion import CELLS, occlusion_map

SIDE = 40
SPOT = (slice(10, 15), slice(25, 30))
"""Cell (2, 5)."""


def sees_the_spot(pixels: np.ndarray) -> np.ndarray:
    bright = pixels[SPOT].mean() / 255
    return np.array([[4 * bright, 1.0, 0.0]])


def test_the_cell_that_matters_stands_out() -> None:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[SPOT] = 255
    for_it, against = occlusion_map(sees_the_spot, pixels, [0, 1])
    assert for_it.shape == (CELLS, CELLS)
    assert np.unravel_index(for_it.argmax(), for_it.shape) == (2, 5)
    assert np.unravel_index(against.argmin(), against.shape) == (2, 5)
    assert for_it[6:].max() == pytest.approx(0)


@given(arrays(np.float64, (1, 4), elements=st.floats(-50, 50)), st.floats(-9, 9))
def test_a_lead_is_what_the_others_do_not_share(logits: np.ndarray, shift: float) -> None:
    leads = [lead(logits, label) for label in range(4)]
    assert sum(leads) == pytest.approx(0, abs=1e-9)
    assert [lead(logits + shift, label) for label in range(4)] == pytest.approx(leads, abs=1e-9)
    assert leads[int(logits.argmax())] == pytest.approx(max(leads), abs=1e-9)
