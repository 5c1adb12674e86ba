"""The share of wrong answers at every share of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from headstart.evaluation.risk_coverage import OperatingPoint, RiskCoverage
from headstart.reporting.canvas import BLUE, GREY, GRID, ORANGE, blank_figure, write_title
from headstart.reporting.words import percent, percent_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEWEST = 20
"""Of fewer answers the interval fills the picture and says nothing."""


def draw_risk_coverage(curve: RiskCoverage, *, threshold: float = 0.0) -> Figure:
    """Draw a risk-coverage curve with its 95 % intervals.

    Args:
        curve: What to draw.
        threshold: Confidence from which on an answer is given, marked where above 0.
    """
    figure, axes = blank_figure(6.8, 4.6)
    points = [point for point in curve.points() if point.answered >= _FEWEST]
    points = points or [curve.at(len(curve.answered) - 1)]
    coverage = np.array([100 * point.coverage for point in points])
    risks = [point.risk for point in points]
    lows, highs = [100 * r.low for r in risks], [100 * r.high for r in risks]
    axes.fill_between(coverage, lows, highs, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(coverage, [100 * r.value for r in risks], color=BLUE, linewidth=2, label="errors")
    axes.axhline(
        100 * curve.error_rate,
        color=GREY,
        linewidth=1,
        linestyle=(0, (5, 4)),
        label="in an arbitrary order",
    )
    if threshold > 0:
        _mark(axes, curve, threshold)
    axes.set(xlim=(0, 102), xlabel="answered, % of the images, the surest first")
    axes.set(ylabel="wrong, % of the answers")
    axes.set_ylim(0, max(100 * curve.error_rate, *(100 * r.value for r in risks)) * 1.8 + 1)
    axes.grid(color=GRID, linewidth=0.8)
    axes.legend(loc="upper center", frameon=False, fontsize=9)
    area = f"mean {percent(curve.area.value)}, 95 % interval {percent_interval(curve.area)}"
    write_title(figure, axes, "Risk and coverage", f"{area}, n = {curve.n:,}")
    return figure


def _mark(axes: Axes, curve: RiskCoverage, threshold: float) -> None:
    above = np.flatnonzero(curve.thresholds >= threshold)
    if not len(above):
        return
    point: OperatingPoint = curve.at(int(above[-1]))
    axes.axvline(100 * point.coverage, color=ORANGE, linewidth=1, alpha=0.5)
    axes.plot(
        [100 * point.coverage],
        [100 * point.risk.value],
        "o",
        color=ORANGE,
        markersize=8,
        label=f"threshold {threshold:.2f}",
        zorder=4,
    )
