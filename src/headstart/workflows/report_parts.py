"""What a report says of errors and decisions, read from a run's files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.errors import DataError
from headstart.evaluation import Estimate
from headstart.evaluation.decision_figures import DecisionFigures
from headstart.evaluation.rejection import Selective
from headstart.reporting import Slice
from headstart.workflows.error_tables import ERRORS, read_suspects
from headstart.workflows.report_pictures import Doubt
from headstart.workflows.stored_run import METRICS, read_json, section

_DOUBTS = 24


def read_slices(folder: Path) -> tuple[Slice, ...]:
    """Return the kinds of test images that ``errors.json`` tells of; none without the file.

    Raises:
        DataError: The file is damaged.
    """
    file = folder / ERRORS
    try:
        return tuple(
            Slice(
                feature=str(it["trait"]),
                name=f"{it['name']} ({it['span']})" if it.get("span") else str(it["name"]),
                n=int(it["n"]),
                accuracy=_estimate(it["accuracy"]),
                rest=_estimate(it["rest"]),
                notable=bool(it["differs"]) and it["accuracy"]["value"] < it["rest"]["value"],
            )
            for it in read_json(file).get("slices") or ()
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is damaged: {error}. Remove it to go on without") from error


def read_doubts(folder: Path) -> tuple[Doubt, ...]:
    """Return the most doubtful of the labels that ``suspect_labels.csv`` names.

    Raises:
        DataError: The table is damaged.
    """
    return tuple(
        Doubt(it.path, it.split, it.given, it.suggested, it.probability, _chance(it.wrong))
        for it in read_suspects(folder).suspects[:_DOUBTS]
    )


def _chance(wrong: float) -> str:
    return "" if math.isnan(wrong) else f"chance of a wrong label: {wrong:.0%}"


def read_decision(folder: Path) -> DecisionFigures | None:
    """Return what a decision came to on the test images, if there was one.

    Raises:
        DataError: The figures are damaged.
    """
    found = section(section(read_json(folder / METRICS), "decision"), "test")
    if not found:
        return None
    costs = {name: found.get(name) for name in ("cost", "plain_cost")}
    try:
        return DecisionFigures(
            answers=_selective(found),
            by_class={name: _selective(it) for name, it in section(found, "by_class").items()},
            **{name: _estimate(it) for name, it in costs.items() if it},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder / METRICS} tells of a damaged decision: {error}") from error


def _selective(found: Mapping[str, Any]) -> Selective:
    return Selective(
        n=int(found["n"]),
        answered=int(found["answered"]),
        coverage=_estimate(found["coverage"]),
        precision=_estimate(found["precision"]),
    )


def _estimate(triple: Mapping[str, Any]) -> Estimate:
    return Estimate(float(triple["value"]), float(triple["low"]), float(triple["high"]))
