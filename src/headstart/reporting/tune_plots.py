"""How a search went, and which settings it turned on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from headstart.reporting.canvas import (
    BLUE,
    GREY,
    GRID,
    INK,
    ORANGE,
    blank_figure,
    name_ticks,
    png,
    write_title,
)
from headstart.reporting.words import shortened
from headstart.selection.study import TrialRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FAR = 3.0
"""Figures further above the default than so many times the lead of the best are cut off."""
_NAME_LENGTH = 34
_BAR_IN = 0.42


def draw_history(trials: Sequence[TrialRecord], *, metric: str, rising: bool) -> bytes:
    """Draw every trial's figure, and the best up to each.

    Args:
        trials: In order; the first is the default's.
        metric: What is drawn, in words.
        rising: Whether higher is better: figures are then 1 less what is minimised.

    Returns:
        A PNG file.
    """
    figure, axes = blank_figure(8.4, 4.4)
    judged = [(t.number, _shown(t.value, rising)) for t in trials if t.value is not None]
    numbers, values = [n for n, _ in judged], [v for _, v in judged]
    better = max if rising else min
    axes.scatter(numbers[1:], values[1:], s=26, color=BLUE, alpha=0.55, label="a trial")
    running = list(accumulate(values, better))
    axes.step(numbers, running, where="post", color=INK, linewidth=2, label="best up to here")
    axes.axhline(values[0], color=GREY, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
    axes.scatter(numbers[:1], values[:1], s=60, color=ORANGE, marker="D", label="the default")
    _limit(axes, values, rising)
    _mark_given_up(axes, trials)
    axes.set(xlabel="trial", ylabel=f"validation {metric}")
    axes.grid(color=GRID, linewidth=0.8)
    figure.legend(loc="outside lower right", ncols=4, frameon=False, fontsize=9)
    wish = "higher" if rising else "lower"
    write_title(figure, axes, "Trials", f"{metric} on validation answers, {wish} is better")
    return png(figure)


def draw_importances(shares: Mapping[str, float]) -> bytes:
    """Draw what the order of the trials is explained by.

    Args:
        shares: Setting -> share of 1, the largest first; one at least.

    Returns:
        A PNG file.
    """
    figure, axes = blank_figure(8.4, 1.5 + _BAR_IN * len(shares))
    places = range(len(shares))
    axes.barh(places, [100 * share for share in shares.values()], color=BLUE, height=0.62)
    names = [shortened(name, _NAME_LENGTH) for name in shares]
    name_ticks(axes, "y", names, spacing_in=_BAR_IN, rotation=0)
    axes.invert_yaxis()
    axes.set(xlabel="%", xlim=(0, 100))
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    subtitle = "share of what tells good trials from bad ones (permutation importance)"
    write_title(figure, axes, "Which settings mattered", subtitle)
    return png(figure)


def _shown(value: float, rising: bool) -> float:
    return 1 - value if rising else value


def _limit(axes: Axes, values: Sequence[float], rising: bool) -> None:
    """Leave out what is so far off that it would flatten all else."""
    best = max(values) if rising else min(values)
    middle = sorted(values, key=lambda value: abs(value - best))[len(values) // 2]
    reach = max(abs(values[0] - best), abs(middle - best), 1e-4)
    worst = best - _FAR * reach if rising else best + _FAR * reach
    room = 0.15 * reach
    low, high = (worst, best + room) if rising else (best - room, worst)
    if any(not low <= value <= high for value in values):
        axes.set_ylim(low, high)


def _mark_given_up(axes: Axes, trials: Sequence[TrialRecord]) -> None:
    """Mark trials without a figure at the lower edge."""
    for state, marker in (("pruned", "|"), ("failed", "x")):
        numbers = [trial.number for trial in trials if trial.state == state]
        if numbers:
            label = "given up early" if state == "pruned" else "failed"
            axes.plot(
                numbers,
                [0.02] * len(numbers),
                marker,
                color=GREY,
                markersize=9,
                label=label,
                transform=axes.get_xaxis_transform(),
            )
