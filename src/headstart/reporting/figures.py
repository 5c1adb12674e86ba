"""Geometry of the report's drawings and shaded tables: numbers in, places and shades out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.evaluation import Judgement, ReliabilityBin, wilson

PLOT_PX = 300
"""Side of the reliability diagram's square, in its own units."""
COUNTS_PX = 54
"""Height of the strip of counts below it."""
SHADES = 10
LARGEST_MATRIX = 120
"""Above this many classes a confusion matrix serves nobody; the worst pairs are listed."""
_SMALLEST_DOT, _LARGEST_DOT = 3.0, 9.0


@dataclass(frozen=True)
class ReliabilityMark:
    """One bin of the reliability diagram, in drawing units with y pointing down.

    Attributes:
        x, y: Where its dot is: mean confidence, share right.
        low_y, high_y: Ends of the 95 % Wilson interval of the share right.
        radius: Of the dot; its area grows with the count.
        left, width, height: Its bar in the strip of counts.
        bin: The bin itself.
    """

    x: float
    y: float
    low_y: float
    high_y: float
    radius: float
    left: float
    width: float
    height: float
    bin: ReliabilityBin


@dataclass(frozen=True)
class MatrixCell:
    """One cell of the confusion matrix: a count, and how dark it is (0 to 10)."""

    count: int
    shade: int
    right: bool


@dataclass(frozen=True)
class MatrixRow:
    """One true class of the confusion matrix."""

    name: str
    total: int
    cells: tuple[MatrixCell, ...]


def reliability_marks(judgement: Judgement) -> list[ReliabilityMark]:
    """Return what to draw for each bin that holds an image."""
    filled = [b for b in judgement.reliability if b.count]
    most = max((b.count for b in filled), default=1)
    return [_mark(b, most) for b in filled]


def confusion_rows(judgement: Judgement) -> list[MatrixRow]:
    """Return the confusion matrix with shades relative to each row's total."""
    rows = judgement.confusion.tolist()
    return [_row(score.name, i, rows[i]) for i, score in enumerate(judgement.per_class)]


def _mark(b: ReliabilityBin, most: int) -> ReliabilityMark:
    interval = wilson(round(b.accuracy * b.count), b.count)
    spread = (_LARGEST_DOT - _SMALLEST_DOT) * math.sqrt(b.count / most)
    return ReliabilityMark(
        x=_px(b.confidence),
        y=_px(1 - b.accuracy),
        low_y=_px(1 - interval.low),
        high_y=_px(1 - interval.high),
        radius=round(_SMALLEST_DOT + spread, 1),
        left=_px(b.low) + 1,
        width=round(max(_px(b.high) - _px(b.low) - 2, 1.0), 1),
        height=round(max(COUNTS_PX * b.count / most, 1.0), 1),
        bin=b,
    )


def _px(share: float) -> float:
    return round(PLOT_PX * share, 1)


def _row(name: str, position: int, counts: Sequence[int]) -> MatrixRow:
    total = sum(counts)
    cells = tuple(
        MatrixCell(count, _shade(count, total, right=i == position), i == position)
        for i, count in enumerate(counts)
    )
    return MatrixRow(name, total, cells)


def _shade(count: int, total: int, *, right: bool) -> int:
    """Shade right answers in proportion, wrong ones more strongly: rare ones are to be seen."""
    if count == 0:
        return 0
    share = count / total
    return math.ceil(SHADES * (share if right else math.sqrt(share)))
