"""An error analysis as files, and the part of it that only a run can know, read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from headstart.errors import DataError
from headstart.evaluation.error_analysis import ErrorAnalysis, LabelCheck, Suspect
from headstart.evaluation.intervals import Estimate
from headstart.files import write_csv, write_json
from headstart.workflows.stored_run import read_json

ERRORS: Final = "errors.json"
SUSPECTS: Final = "suspect_labels.csv"
TEST_SUSPECTS: Final = "suspect_test_labels.csv"
_SUSPECT_COLUMNS: Final = (
    "path",
    "split",
    "label",
    "suggested_label",
    "suggested_probability",
    "label_quality",
)
_WRONG: Final = "wrong_probability"
"""Absent from tables of older versions."""


def write_summary(folder: Path, analysis: ErrorAnalysis) -> None:
    """Write ``errors.json``, ``suspect_labels.csv`` and ``suspect_test_labels.csv``."""
    write_json(folder / ERRORS, analysis.to_json())
    _write_suspects(folder / SUSPECTS, analysis.labels)
    _write_suspects(folder / TEST_SUSPECTS, analysis.test_labels)


def write_all(folder: Path, analysis: ErrorAnalysis) -> None:
    """Write the summary and the tables ``wrong``, ``pairs``, ``classes`` and ``slices``."""
    write_summary(folder, analysis)
    write_csv(
        folder / "wrong.csv",
        ["path", "true_label", "label", "confidence", "true_probability"],
        _wrong_rows(analysis),
    )
    write_csv(
        folder / "pairs.csv",
        ["true_label", "label", "count", "support", *_triple("share")],
        (
            [it.true, it.predicted, it.count, it.support, *_numbers(it.share)]
            for it in analysis.pairs
        ),
    )
    write_csv(folder / "classes.csv", _CLASS_COLUMNS, _class_rows(analysis))
    write_csv(folder / "slices.csv", _SLICE_COLUMNS, _slice_rows(analysis))


def read_suspects(folder: Path) -> LabelCheck:
    """Read ``suspect_labels.csv``, and what ``errors.json`` says of it; nothing without it.

    Args:
        folder: A run's.

    Raises:
        DataError: A file is damaged.
    """
    file = folder / SUSPECTS
    if not file.is_file():
        return LabelCheck()
    try:
        table = pl.read_csv(file, infer_schema=False).fill_null("")
        if _WRONG not in table.columns:
            table = table.with_columns(pl.lit("nan").alias(_WRONG))
        noted: Any = read_json(folder / ERRORS).get("labels")
        facts = noted if isinstance(noted, dict) else {}
        overlapping = tuple((str(a), str(b)) for a, b in facts.get("overlapping") or ())
        suspects = tuple(
            Suspect(*texts[:4], *map(float, texts[4:]))
            for texts in table.select(*_SUSPECT_COLUMNS, _WRONG).iter_rows()
        )
    except (OSError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file} cannot be read: {error}. Remove it to go on without") from error
    judged = facts.get("judged")
    return LabelCheck(
        judged=judged if isinstance(judged, int) else len(suspects),
        suspects=suspects,
        overlapping=overlapping,
    )


def _write_suspects(file: Path, check: LabelCheck) -> None:
    rows = (
        [it.path, it.split, it.given, it.suggested]
        + [f"{chance:.6f}" for chance in (it.probability, it.quality, it.wrong)]
        for it in check.suspects
    )
    write_csv(file, [*_SUSPECT_COLUMNS, _WRONG], rows)


def _wrong_rows(analysis: ErrorAnalysis) -> Iterator[Sequence[object]]:
    names = analysis.classes
    for row in analysis.confident:
        yield [
            analysis.images[row],
            names[analysis.targets[row]],
            names[analysis.predicted[row]],
            f"{analysis.confidence[row]:.6f}",
            f"{analysis.fit[row]:.6f}",
        ]


def _triple(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


def _numbers(estimate: Estimate) -> list[str]:
    return [f"{it:.6f}" for it in (estimate.value, estimate.low, estimate.high)]


_CLASS_COLUMNS: Final = [
    "label",
    "true_positives",
    "false_negatives",
    "false_positives",
    *(column for name in ("recall", "precision", "f1") for column in _triple(name)),
]
_SLICE_COLUMNS: Final = [
    "trait",
    "name",
    "low",
    "high",
    "n",
    *_triple("accuracy"),
    *_triple("rest"),
    "p_value",
    "p_adjusted",
    "differs",
]


def _class_rows(analysis: ErrorAnalysis) -> Iterator[Sequence[object]]:
    for it in analysis.per_class:
        counts = [len(it.true_positives), len(it.false_negatives), len(it.false_positives)]
        figures = [*_numbers(it.recall), *_numbers(it.precision), *_numbers(it.f1)]
        yield [it.name, *counts, *figures]


def _slice_rows(analysis: ErrorAnalysis) -> Iterator[Sequence[object]]:
    for it in analysis.slices:
        ends = ["" if end is None else f"{end:.6g}" for end in (it.low, it.high)]
        figures = [*_numbers(it.accuracy), *_numbers(it.rest)]
        chances = [f"{it.p_value:.6g}", f"{it.p_adjusted:.6g}"]
        yield [it.trait, it.name, *ends, it.n, *figures, *chances, str(it.differs).lower()]
