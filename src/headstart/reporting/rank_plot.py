"""Accuracy against cost, one mark a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headstart.reporting.canvas import (
    BLUE,
    GREY,
    GRID,
    INK,
    ORANGE,
    blank_figure,
    draw_intervals,
    name_powers,
    png,
    write_title,
)
from headstart.reporting.words import shortened
from headstart.selection.ranking import RankedBackbone, RankResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAME_LENGTH = 30
_WIDE_RANGE = 4.0
"""Costs further apart than this factor are drawn on a logarithmic axis."""
_MOST_NAMED = 24
_FAR = 0.7
"""Share of the plot's width beyond which a name is written to the left of its mark."""


def draw_ranking(result: RankResult) -> bytes:
    """Draw cross-validated accuracy against the time an image takes.

    Args:
        result: What to draw.

    Returns:
        A PNG file.
    """
    figure, axes = blank_figure(8.4, 4.8)
    tied = [it for it in result.ranked if it.rank == 1]
    behind = [it for it in result.ranked if it.rank > 1]
    _draw_front(axes, result.ranked)
    _draw_marks(axes, tied, BLUE, "o", "cannot be told from the leader")
    _draw_marks(axes, behind, ORANGE, "D", "behind the leader")
    _draw_axes(axes, result.ranked)
    _write_names(axes, result.ranked)
    if behind:
        figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    subtitle = (
        f"linear head, cross-validated on {result.sampled:,} training images; lines: 95 % "
        "intervals; dashed: nothing is both faster and better"
    )
    write_title(figure, axes, "Accuracy against cost", subtitle)
    return png(figure)


def _milliseconds(backbone: RankedBackbone) -> float:
    return 1000 * backbone.cost.seconds_an_image


def _draw_marks(
    axes: Axes, backbones: Sequence[RankedBackbone], colour: str, marker: str, label: str
) -> None:
    if not backbones:
        return
    places = np.array([_milliseconds(it) for it in backbones])
    accuracies = [it.scores.linear for it in backbones]
    draw_intervals(axes, places, accuracies, upright=True, colour=colour)
    values = [100 * it.value for it in accuracies]
    axes.scatter(places, values, s=46, color=colour, marker=marker, label=label, zorder=3)


def _draw_front(axes: Axes, backbones: Sequence[RankedBackbone]) -> None:
    """Join the backbones that no other beats in both time and accuracy."""
    front: list[RankedBackbone] = []
    for it in sorted(backbones, key=lambda it: (_milliseconds(it), -it.scores.linear.value)):
        if not front or it.scores.linear.value > front[-1].scores.linear.value:
            front.append(it)
    times = [_milliseconds(it) for it in front]
    values = [100 * it.scores.linear.value for it in front]
    axes.plot(times, values, color=GREY, linewidth=1, linestyle=(0, (5, 4)), zorder=1)


def _draw_axes(axes: Axes, backbones: Sequence[RankedBackbone]) -> None:
    times = [_milliseconds(it) for it in backbones]
    if max(times) > _WIDE_RANGE * min(times):
        axes.set(xscale="log", xlim=(min(times) / 1.3, 1.3 * max(times)))
        name_powers(axes)
    else:
        axes.set(xlim=(0, 1.1 * max(times)))
    axes.set(xlabel="milliseconds an image, decoding included", ylabel="images told right, %")
    axes.grid(color=GRID, linewidth=0.8)


def _write_names(axes: Axes, backbones: Sequence[RankedBackbone]) -> None:
    """Write names beside the marks: left of those that lie far to the right."""
    for it in backbones[:_MOST_NAMED]:
        place = (_milliseconds(it), 100 * it.scores.linear.value)
        right, _ = axes.transAxes.inverted().transform(axes.transData.transform(place))
        text = axes.annotate(
            shortened(it.name, _NAME_LENGTH),
            place,
            xytext=(-7 if right > _FAR else 7, 4),
            textcoords="offset points",
            horizontalalignment="right" if right > _FAR else "left",
            fontsize=9,
            color=INK,
            parse_math=False,
        )
        text.set_in_layout(False)
