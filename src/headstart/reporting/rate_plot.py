"""Loss against learning rate, with what each rule suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from headstart.reporting.canvas import (
    BLUE,
    GREY,
    GRID,
    INK,
    ORANGE,
    blank_figure,
    png,
    write_title,
)
from headstart.training.rate_curve import RateCurve, Suggestions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR, _CEILING = 0.12, 0.4
"""Room below and above what precedes the explosion, as shares of its height.

Losses further up are cut off: they would flatten all else."""
_MARKERS = {"valley": "o", "steepest": "D", "minimum / 10": "s"}


def draw_rates(curve: RateCurve, suggestions: Suggestions | None, subtitle: str) -> bytes:
    """Draw a range test.

    Args:
        curve: What was measured.
        suggestions: Marked on the curve; ``None``: none.
        subtitle: What was trained, on what.

    Returns:
        A PNG file.
    """
    figure, axes = blank_figure(8.4, 4.8)
    smoothed = curve.smoothed
    axes.plot(curve.rates, curve.losses, ".", color=GREY, markersize=5, alpha=0.6, label="a batch")
    calm = slice(curve.calm)
    axes.plot(curve.rates[calm], smoothed[calm], color=INK, linewidth=2, label="smoothed")
    explosion = slice(curve.calm - 1, None)
    axes.plot(curve.rates[explosion], curve.losses[explosion], color=GREY, linewidth=1, alpha=0.6)
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    axes.set_xlim(curve.rates[0] / 1.2, curve.rates[-1] * 1.6)
    _limit(axes, curve)
    axes.grid(color=GRID, linewidth=0.8)
    axes.grid(which="minor", visible=False)
    if suggestions is not None:
        _mark(axes, curve, suggestions)
    if curve.diverged:
        _mark_end(axes, curve)
    figure.legend(loc="outside lower right", ncols=5, frameon=False, fontsize=9)
    write_title(figure, axes, "Learning-rate range test", subtitle)
    return png(figure)


def _limit(axes: Axes, curve: RateCurve) -> None:
    calm = curve.losses[: curve.calm]
    low, high = float(calm.min()), float(calm.max())
    axes.set_ylim(low - _FLOOR * (high - low), high + _CEILING * (high - low))


def _mark(axes: Axes, curve: RateCurve, suggestions: Suggestions) -> None:
    for name, rate in suggestions.named():
        height = float(np.interp(np.log(rate), np.log(curve.rates), curve.smoothed))
        colour = BLUE if name == "valley" else ORANGE
        axes.axvline(rate, color=colour, linewidth=1, alpha=0.35, zorder=1)
        axes.plot(
            [rate],
            [height],
            _MARKERS[name],
            color=colour,
            markersize=10 if name == "valley" else 7,
            markeredgecolor="white",
            label=f"{name}: {rate:.1e}",
            zorder=4,
        )


def _mark_end(axes: Axes, curve: RateCurve) -> None:
    axes.axvline(curve.rates[-1], color=GREY, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
    text = axes.annotate(
        "stopped: the loss explodes",
        (float(curve.rates[-1]), 0.5),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        horizontalalignment="right",
        verticalalignment="center",
        rotation=90,
        fontsize=8.5,
        color=GREY,
    )
    text.set_in_layout(False)
