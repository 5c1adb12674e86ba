"""The tables that every judgement leaves: per class, confusion, risk and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from headstart.evaluation import Judgement
from headstart.evaluation.risk_coverage import RiskCoverage
from headstart.files import write_csv

_COLUMNS: Final = [
    f"{metric}{suffix}"
    for metric in ("precision", "recall", "f1")
    for suffix in ("", "_low", "_high")
]


def write_scores(folder: Path, judgement: Judgement, classes: Sequence[str]) -> None:
    """Write ``per_class.csv`` and ``confusion.csv`` (rows true, columns predicted)."""
    write_csv(
        folder / "per_class.csv",
        ["label", "support", "predicted", *_COLUMNS],
        (
            [s.name, s.support, s.predicted]
            + [f"{x:.6f}" for e in (s.precision, s.recall, s.f1) for x in (e.value, e.low, e.high)]
            for s in judgement.per_class
        ),
    )
    rows = (
        [name, *counts] for name, counts in zip(classes, judgement.confusion.tolist(), strict=True)
    )
    write_csv(folder / "confusion.csv", ["true \\ predicted", *classes], rows)


def write_risk_coverage(folder: Path, curve: RiskCoverage) -> None:
    """Write ``risk_coverage.csv``: what answering only above each confidence comes to."""
    write_csv(
        folder / "risk_coverage.csv",
        ["threshold", "answered", "coverage", "risk", "risk_low", "risk_high"],
        (
            [f"{point.threshold:.6f}", point.answered]
            + [f"{x:.6f}" for x in (point.coverage, risk.value, risk.low, risk.high)]
            for point in curve.points()
            for risk in [point.risk]
        ),
    )
