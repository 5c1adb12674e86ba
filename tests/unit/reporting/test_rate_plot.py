from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.reporting.rate_plot import draw_rates
from headstart.training.rate_curve import RateCurve


def curve(*, diverged: bool) -> RateCurve:
    rates = np.geomspace(1e-7, 1, 80)
    losses = 1.5 - np.clip(np.log10(rates) + 5, 0, 2) / 3 + np.clip(np.log10(rates) + 2, 0, 9) ** 3
    return RateCurve(rates, losses, diverged)


@pytest.mark.parametrize("diverged", [True, False])
def test_a_plot_is_drawn_the_same_each_time(diverged: bool) -> None:
    measured = curve(diverged=diverged)
    found = measured.suggest()
    plot = draw_rates(measured, found, "training all")
    assert plot == draw_rates(measured, found, "training all")
    with Image.open(io.BytesIO(plot)) as image:
        assert image.format == "PNG"
        assert image.width > 800


def test_suggestions_are_marked_where_there_are_any() -> None:
    measured = curve(diverged=True)
    assert draw_rates(measured, None, "") != draw_rates(measured, measured.suggest(), "")
