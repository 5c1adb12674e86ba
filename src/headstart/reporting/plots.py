"""The pictures of a run, for slides and documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headstart.evaluation import Judgement, wilson
from headstart.files import write_bytes
from headstart.reporting.canvas import (
    BLUE,
    GREY,
    GRID,
    INK,
    ORANGE,
    blank_figure,
    draw_intervals,
    name_ticks,
    png,
    write_title,
)
from headstart.reporting.risk_plot import draw_risk_coverage
from headstart.reporting.words import percent, percent_interval, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME_LENGTH = 22
_MOST_NUMBERED = 40
"""Above this many classes the cells of a confusion matrix are too small for numbers."""
_TALLEST_IN = 24.0


def write_plots(
    folder: Path, test: Judgement, classes: Sequence[str], *, threshold: float = 0.0
) -> list[Path]:
    """Draw the confusion matrix, reliability, per-class scores, risk and coverage.

    Args:
        folder: Where to write; made if missing.
        test: What to draw.
        classes: Class names in the order of the confusion matrix, K of them.
        threshold: Confidence from which on an answer is given, marked where above 0.

    Returns:
        The files: ``confusion.png``, ``reliability.png``, ``per_class.png``,
        ``risk_coverage.png``.

    Raises:
        StorageError: The disk is full or refuses.
    """
    names = [shortened(name, _NAME_LENGTH) for name in classes]
    drawings: dict[str, Callable[[], Figure]] = {
        "confusion.png": lambda: _draw_confusion(test, names),
        "reliability.png": lambda: _draw_reliability(test),
        "per_class.png": lambda: _draw_per_class(test, names),
        "risk_coverage.png": lambda: draw_risk_coverage(test.risk_coverage, threshold=threshold),
    }
    for name, draw in drawings.items():
        write_bytes(folder / name, png(draw()))
    return [folder / name for name in drawings]


def _draw_confusion(test: Judgement, names: Sequence[str]) -> Figure:
    cell_in = min(max(9.0 / len(names), 0.16), 0.62)
    margin_in = 2.6
    side = min(max(cell_in * len(names) + margin_in, 4.8), _TALLEST_IN)
    figure, axes = blank_figure(side, side)
    axes.imshow(_shades(test.confusion), interpolation="nearest")
    axes.spines[:].set_visible(False)
    axes.set(xlabel="what the model said", ylabel="what the image is")
    spacing_in = min(cell_in, (side - margin_in) / len(names))
    name_ticks(axes, "y", names, spacing_in=spacing_in, rotation=0)
    name_ticks(axes, "x", names, spacing_in=spacing_in, rotation=90)
    write_title(
        figure, axes, "Confusion matrix", f"{test.n:,} unseen images; colour: share of the row"
    )
    if len(names) <= _MOST_NUMBERED:
        _write_counts(axes, test.confusion, size=min(12.0, 24 * cell_in))
    return figure


def _shades(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return RGB of shape (K, K, 3): right answers in blue, errors in orange, stronger."""
    from matplotlib.colors import to_rgb

    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(shares), dtype=bool)[..., None]
    depth = np.where(right, shares[..., None], np.sqrt(shares)[..., None]) * 0.75
    colour = np.where(right, to_rgb(BLUE), to_rgb(ORANGE))
    return np.asarray(np.array(to_rgb("#F1F3F5")) * (1 - depth) + colour * depth, np.float64)


def _write_counts(axes: Axes, confusion: npt.NDArray[np.int64], *, size: float) -> None:
    for row, column in np.argwhere(confusion > 0).tolist():
        text = f"{confusion[row, column]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=INK)


def _draw_reliability(test: Judgement) -> Figure:
    figure, axes = blank_figure(5.6, 5.8)
    filled = [b for b in test.reliability if b.count]
    most = max((b.count for b in filled), default=1)
    claimed = np.array([100 * b.confidence for b in filled])
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=(0, (5, 4)), linewidth=1)
    estimates = [wilson(round(b.accuracy * b.count), b.count) for b in filled]
    draw_intervals(axes, claimed, estimates, upright=True, colour=BLUE)
    sizes = [20 + 140 * b.count / most for b in filled]
    axes.scatter(claimed, [100 * b.accuracy for b in filled], s=sizes, color=BLUE, zorder=3)
    axes.set(xlim=(0, 102), ylim=(0, 102), aspect="equal")
    axes.set(xlabel="confidence claimed, %", ylabel="share right, %")
    axes.grid(color=GRID, linewidth=0.8)
    error = test.metrics["ece"]
    interval = f"95 % interval {percent_interval(error)}, n = {test.n:,}"
    write_title(
        figure, axes, "Reliability", f"calibration error {percent(error.value)}, {interval}"
    )
    return figure


def _draw_per_class(test: Judgement, names: Sequence[str]) -> Figure:
    order = sorted(range(len(names)), key=lambda i: test.per_class[i].f1.value)
    margin_in = 1.7
    row_in = min(max(9.0 / len(names), 0.2), 0.45, (_TALLEST_IN - margin_in) / len(names))
    figure, axes = blank_figure(7.6, max(row_in * len(names) + margin_in, 2.9))
    _draw_scores(axes, test, order)
    labels = [f"{names[i]}  ({test.per_class[i].support:,})" for i in order]
    name_ticks(axes, "y", labels, spacing_in=row_in, rotation=0)
    axes.set(xlim=(-1, 101), ylim=(len(names) - 0.4, -0.6), xlabel="%")
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    figure.legend(loc="outside lower right", ncols=2, frameon=False)
    write_title(
        figure,
        axes,
        "Recall and precision",
        "weakest F1 first; lines: 95 % intervals; (test images)",
    )
    return figure


def _draw_scores(axes: Axes, test: Judgement, order: Sequence[int]) -> None:
    places = np.arange(len(order), dtype=np.float64)
    recalls = [test.per_class[i].recall for i in order]
    precisions = [test.per_class[i].precision for i in order]
    for shift, colour, marker, label, estimates in (
        (-0.17, BLUE, "o", "recall", recalls),
        (0.17, ORANGE, "D", "precision", precisions),
    ):
        values = [100 * estimate.value for estimate in estimates]
        draw_intervals(axes, places + shift, estimates, upright=False, colour=colour)
        axes.scatter(
            values, places + shift, s=20, color=colour, marker=marker, label=label, zorder=3
        )
