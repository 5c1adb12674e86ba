from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.cli.curve_table import WIDTH
from headstart.evaluation import Estimate, wilson
from headstart.evaluation.power_law import fit_power_laws
from headstart.selection.curve_result import ClassGrowth, CurvePoint, LearningCurve

SIZES = 48_000 / 2.0 ** np.arange(7)[::-1]
ERRORS = 0.09 * (SIZES / 48_000) ** -0.3
RESULT = LearningCurve(
    source="a/folder/" * 9,
    backbone="timm/a_network_with_a_very_long_name",
    head="gap-1024-512",
    geometry="squash",
    images=1_060_000,
    points=tuple(
        CurvePoint(float(size), wilson(round(12_000 * (1 - error)), 12_000), 3, 12_000)
        for size, error in zip(SIZES, ERRORS, strict=True)
    ),
    laws=fit_power_laws(SIZES, ERRORS, np.eye(7) * 1e-5),
    half=5,
    last_step=Estimate(0.02, 0.01, 0.03),
    classes=tuple(
        ClassGrowth(f"class {n} " * 9, 99, wilson(0, 20), wilson(20, 20), Estimate(1, 0.5, 1), 1e-5)
        for n in range(30)
    ),
    notes=("a note " * 30,),
    timings_s={"total": 3.21},
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of a curve."""
    asked: list[dict[str, Any]] = []

    def learning_curve(data: str, **options: Any) -> LearningCurve:
        asked.append({"data": data, **options})
        return RESULT

    monkeypatch.setattr("headstart.workflows.learning_curve.learning_curve", learning_curve)
    return asked


def test_a_table_that_fits_a_terminal(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("learning-curve", "photos")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.endswith("expected") for line in lines) == 2
    assert "Twice the images would bring about" in outcome.out
    assert "and 10 more: --csv, --json or --out DIR has them all" in outcome.out


def test_what_is_asked_of_the_workflow(cli: Any, calls: list[dict[str, Any]]) -> None:
    cli("learning-curve", "photos", "--head", "svm", "--sizes", "40, 80", "--set", "seed=3")
    (asked,) = calls
    assert asked["sizes"] == [40, 80]
    assert (asked["config"].head.name, asked["config"].seed) == ("svm", 3)


def test_json_and_csv(cli: Any, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    found = json.loads(cli("learning-curve", "photos", "--json", "-").out)
    assert found["expected"]["can_be_said"] is True
    table = tmp_path / "curve.csv"
    cli("learning-curve", "photos", "--csv", table)
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["kind"] for row in rows] == ["measured"] * 7 + ["expected"] * 2
    again = cli("learning-curve", "photos", "--csv", table)
    assert again.code == 2
    assert "exists already" in again.err
    assert len(calls) == 2


def test_mistakes(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("learning-curve", "photos", "--sizes", "many")
    assert outcome.code == 2
    assert "expected whole numbers such as 100,200,400" in outcome.err
    assert calls == []


def test_too_few_sizes_for_a_law(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(RESULT, laws=None)
    monkeypatch.setattr("headstart.workflows.learning_curve.learning_curve", lambda *_, **__: few)
    out = cli("learning-curve", "photos").out
    assert "cannot be said from these sizes" in out.replace("\n ", "")
    assert "expected" not in out.split("note:")[0]
