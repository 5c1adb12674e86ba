"""Accuracy against training time, one mark a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from headstart.evaluation.leaderboard import Entry, Leaderboard, pareto_front
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAME_LENGTH: Final = 34
_WIDE_RANGE: Final = 4.0
_MOST_NAMED: Final = 12
_FAR: Final = 0.6


def draw_board(board: Leaderboard) -> bytes:
    """Draw test accuracy with its interval against the seconds that a run takes alone.

    Args:
        board: A leaderboard with one entry or more.

    Returns:
        A PNG file.
    """
    figure, axes = blank_figure(8.4, 4.8)
    kinds = {
        "in the first place": [it for it in board.entries if it.place == 1],
        "behind": [it for it in board.entries if it.place != 1],
    }
    _draw_front(axes, board.entries)
    for (label, entries), (colour, marker) in zip(kinds.items(), _STYLES, strict=True):
        if entries:
            _draw_marks(axes, entries, label, colour, marker)
    _draw_axes(axes, board.entries)
    _write_names(axes, board)
    if all(kinds.values()):
        figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    subtitle = (
        f"{board.test_images:,} test images; lines: 95 % intervals; "
        "dashed: no other run is both quicker and better"
    )
    write_title(figure, axes, f"{shortened(board.data, 40)}: accuracy against cost", subtitle)
    return png(figure)


_STYLES: Final = ((BLUE, "o"), (ORANGE, "D"))


def _draw_marks(axes: Axes, entries: Sequence[Entry], label: str, colour: str, marker: str) -> None:
    places = np.array([it.seconds for it in entries])
    draw_intervals(axes, places, [it.accuracy for it in entries], upright=True, colour=colour)
    values = [100 * it.accuracy.value for it in entries]
    axes.scatter(places, values, s=46, color=colour, marker=marker, label=label, zorder=3)


def _draw_front(axes: Axes, entries: Sequence[Entry]) -> None:
    points = [(it.seconds, 100 * it.accuracy.value) for it in entries]
    front = [points[index] for index in pareto_front(points)]
    seconds, values = zip(*front, strict=True)
    axes.plot(seconds, values, color=GREY, linewidth=1, linestyle=(0, (5, 4)), zorder=1)


def _draw_axes(axes: Axes, entries: Sequence[Entry]) -> None:
    seconds = [max(it.seconds, 1e-3) for it in entries]
    if max(seconds) > _WIDE_RANGE * min(seconds):
        axes.set(xscale="log", xlim=(min(seconds) / 1.3, 1.3 * max(seconds)))
        name_powers(axes)
    else:
        axes.set(xlim=(0, 1.1 * max(seconds)))
    axes.set(xlabel="seconds of training, features included", ylabel="test images told right, %")
    axes.grid(color=GRID, linewidth=0.8)


def _write_names(axes: Axes, board: Leaderboard) -> None:
    """Name the runs on the front, and others as long as there is room."""
    few, front = len(board.entries) <= _MOST_NAMED, board.front
    named = [it for it in board.entries if few or it.name in front]
    for number, it in enumerate(sorted(named, key=lambda it: it.seconds)):
        _write_name(axes, it, above=number % 2 == 0)


def _write_name(axes: Axes, it: Entry, *, above: bool) -> None:
    place = (it.seconds, 100 * it.accuracy.value)
    right, _ = axes.transAxes.inverted().transform(axes.transData.transform(place))
    text = axes.annotate(
        shortened(it.name, _NAME_LENGTH),
        place,
        xytext=(-7 if right > _FAR else 7, 4 if above else -12),
        textcoords="offset points",
        horizontalalignment="right" if right > _FAR else "left",
        fontsize=9,
        color=INK,
        parse_math=False,
    )
    text.set_in_layout(False)
