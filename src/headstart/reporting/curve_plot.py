"""Accuracy against number of training images, and the band that the next doubling lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from headstart.evaluation import Estimate
from headstart.reporting.canvas import (
    BLUE,
    GREY,
    GRID,
    INK,
    ORANGE,
    blank_figure,
    draw_intervals,
    png,
    write_title,
)
from headstart.selection.curve_result import LearningCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS: Final = 60
_ROOM: Final = 1.15
_FEWEST_TICKS_APART: Final = 1.3


def draw_curve(curve: LearningCurve) -> bytes:
    """Draw measured points with intervals, and what is expected up to twice the images.

    Args:
        curve: What to draw.

    Returns:
        A PNG file.
    """
    figure, axes = blank_figure(8.4, 4.8)
    _draw_points(axes, curve)
    if curve.laws is not None:
        _draw_band(axes, curve)
        _draw_expected(axes, curve)
    _draw_axes(axes, curve)
    figure.legend(loc="outside lower right", ncols=3, frameon=False, fontsize=9)
    subtitle = (
        f"{curve.head} on {curve.backbone}; each point judged on {curve.points[-1].judged:,} "
        "images held out; lines and band: 95 %"
    )
    write_title(figure, axes, "Accuracy against training images", subtitle)
    return png(figure)


def _draw_points(axes: Axes, curve: LearningCurve) -> None:
    places = np.array([it.images for it in curve.points])
    accuracies = [it.accuracy for it in curve.points]
    draw_intervals(axes, places, accuracies, upright=True, colour=BLUE)
    values = [100 * it.value for it in accuracies]
    axes.scatter(places, values, s=42, color=BLUE, zorder=4, label="measured")


def _draw_band(axes: Axes, curve: LearningCurve) -> None:
    assert curve.laws is not None
    start, end = curve.laws.sizes[0], 2 * curve.images
    images = np.geomspace(start, end, _STEPS)
    expected = [_accuracy(curve, float(n)) for n in images]
    lows, highs = [100 * it.low for it in expected], [100 * it.high for it in expected]
    axes.fill_between(images, lows, highs, color=GREY, alpha=0.18, linewidth=0, zorder=1)
    middles = [100 * it.value for it in expected]
    axes.plot(images, middles, color=GREY, linewidth=1.2, label="power laws that fit", zorder=2)


def _draw_expected(axes: Axes, curve: LearningCurve) -> None:
    """Mark all images and twice as many: hollow, since nobody has measured them."""
    places = [curve.images, 2 * curve.images]
    values = [100 * _accuracy(curve, n).value for n in places]
    axes.scatter(
        places,
        values,
        s=46,
        facecolor="white",
        edgecolor=ORANGE,
        linewidth=1.8,
        marker="D",
        zorder=4,
        label="expected with all, and with twice as many",
    )
    for n, value in zip(places, values, strict=True):
        axes.annotate(
            f"{value:.1f} %",
            (n, value),
            xytext=(0, -16),
            textcoords="offset points",
            horizontalalignment="center",
            fontsize=9,
            color=INK,
        )


def _accuracy(curve: LearningCurve, images: float) -> Estimate:
    found = curve.accuracy_with(images)
    assert found is not None, "there are laws"
    return found


def _draw_axes(axes: Axes, curve: LearningCurve) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    first, last = curve.points[0].images, 2 * curve.images
    axes.set(xscale="log", xlim=(first / _ROOM, last * _ROOM))
    places = [it.images for it in curve.points] + [float(curve.images), float(last)]
    ticks = [n for n, after in zip(places, [*places[1:], np.inf], strict=True) if _apart(n, after)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{n:,.0f}" for n in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="training images (logarithmic)", ylabel="held-out images told right, %")
    axes.grid(color=GRID, linewidth=0.8)


def _apart(images: float, after: float) -> bool:
    return after >= _FEWEST_TICKS_APART * images
