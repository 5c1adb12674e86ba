from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.data.manifest import Rejected
from headstart.evaluation import judge
from headstart.workflows.evaluate import EvaluateResult


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of a judgement."""
    asked: list[dict[str, Any]] = []

    def evaluate(bundle: Path, data: str, **options: Any) -> EvaluateResult:
        asked.append({"bundle": bundle, "data": data, **options})
        probabilities = np.array([[0.9, 0.1], [0.6, 0.4]])
        judgement = judge(
            probabilities, np.array([0, 1]), classes=("cat", "dog"), resamples=100, seed=0
        )
        bad = (Rejected("c.jpg", "truncated"),)
        return EvaluateResult(judgement, bad, {"train": 2}, options["out"])

    monkeypatch.setattr("headstart.cli.evaluate.evaluate", evaluate)
    return asked


def test_every_class_and_every_bad_file_is_shown(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("evaluate", "bundle", "photos")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("note: images marked 'train' are among these")
    assert lines[1] == "unreadable: c.jpg: truncated"
    assert lines[2].startswith("2 images, value")
    assert [line.split()[0] for line in lines[-2:]] == ["cat", "dog"]
    assert "recall 1.000 [" in lines[-2]
    assert "recall 0.000 [" in lines[-1]
    assert lines[-1].endswith("of 1")


def test_options_reach_the_workflow(cli: Any, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "judged"
    options = ["--split", "test", "--out", out, "--allow-bad", "--seed", "4", "--cache", tmp_path]
    outcome = cli("evaluate", "bundle", "photos", *options, "--without", "trash,paper")
    assert outcome.out.splitlines()[-1] == f"tables  {out}"
    (call,) = calls
    assert (call["bundle"], call["data"]) == (Path("bundle"), "photos")
    assert (call["split"], call["out"], call["allow_bad"]) == ("test", out, True)
    assert (call["seed"], call["cache"]) == (4, tmp_path)
    assert call["without"] == ["trash,paper"]


def test_mistakes_are_found_before_anything_is_judged(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    split = cli("evaluate", "bundle", "photos", "--split", "tset")
    assert (split.code, "did you mean test?" in split.err) == (2, True)
    out = cli("evaluate", "bundle", "photos", "--out", tmp_path)
    assert (out.code, "exists already" in out.err) == (2, True)
    assert calls == []
