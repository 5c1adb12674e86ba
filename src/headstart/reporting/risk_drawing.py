"""The risk-coverage curve in drawing units, and the few of its points that a table shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.evaluation.risk_coverage import OperatingPoint, RiskCoverage

WIDTH_PX, HEIGHT_PX = 400, 240
_FEWEST = 20
"""Of fewer answers the interval fills the picture and says nothing."""
_COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class RiskDrawing:
    """What to draw, y pointing down.

    Attributes:
        line: The curve, as points of a polyline.
        band: Its 95 % intervals, as points of a polygon.
        level: Height of the risk where every answer is given.
        ticks: Height -> risk, for the axis.
        rows: Points of the curve at round coverages, all answers first.
    """

    line: str
    band: str
    level: float
    ticks: dict[float, float]
    rows: tuple[OperatingPoint, ...]


def draw_risk(curve: RiskCoverage) -> RiskDrawing:
    """Return the curve as an SVG draws it."""
    points = [point for point in curve.points() if point.answered >= _FEWEST]
    points = points or [curve.at(len(curve.answered) - 1)]
    top = _top(points)

    def place(coverage: float, risk: float) -> str:
        return f"{WIDTH_PX * coverage:.1f},{_height(risk, top)}"

    upper = [place(p.coverage, min(p.risk.high, top)) for p in points]
    lower = [place(p.coverage, p.risk.low) for p in reversed(points)]
    return RiskDrawing(
        line=" ".join(place(p.coverage, p.risk.value) for p in points),
        band=" ".join(upper + lower),
        level=_height(curve.error_rate, top),
        ticks={_height(top * step / 4, top): top * step / 4 for step in range(5)},
        rows=_rows(curve),
    )


def _rows(curve: RiskCoverage) -> tuple[OperatingPoint, ...]:
    wanted = [round(share * curve.n) for share in _COVERAGES]
    places = np.unique(np.searchsorted(curve.answered, wanted))[::-1].tolist()
    return tuple(curve.at(place) for place in places)


def _top(points: list[OperatingPoint]) -> float:
    """Return the risk at the upper edge: a round one above the curve, at most 1."""
    highest = 1.5 * max(point.risk.value for point in points)
    return next((top for top in (0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8) if top >= highest), 1.0)


def _height(risk: float, top: float) -> float:
    return round(HEIGHT_PX * (1 - risk / top), 1)
