from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.decision import DecisionRule
from headstart.evaluation.decision_figures import judge_decision

RULE = DecisionRule(threshold=0.8, costs=1 - np.eye(2))
FIGURES = judge_decision(
    RULE,
    RULE.apply(np.array([[0.9, 0.1], [0.4, 0.6]])),
    np.array([0, 1]),
    classes=("a", "b"),
    resampling=Resampling(resamples=10),
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for."""
    asked: list[dict[str, Any]] = []

    def decide(place: Path, **options: Any) -> SimpleNamespace:
        asked.append({"place": place, **options})
        made = SimpleNamespace(notes=("answers below .8 are 'unknown'",))
        return SimpleNamespace(decision=made, figures=FIGURES, folder=Path("run/bundle-decided"))

    monkeypatch.setattr("headstart.cli.decide.decide", decide)
    return asked


def test_a_decision_is_said_with_its_figures(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("decide", "run", "--reject", "precision=0.9", "--assurance", "none")
    assert outcome.code == 0, outcome.err
    assert calls[0]["config"] == {"reject": "precision=0.9", "assurance": None}
    lines = outcome.out.splitlines()
    assert lines[0] == "answers below .8 are 'unknown'"
    assert lines[1] == "decision: 1 of 2 locked test images answered, 1 unknown"
    assert [line.split()[0] for line in lines[2:]] == [
        "coverage",
        "precision",
        "cost",
        "without",
        "bundle",
    ]


def test_what_is_not_given_is_not_asked_for(cli: Any, calls: list[dict[str, Any]]) -> None:
    assert cli("decide", "run", "--costs", "a=5", "--out", "there").code == 0
    assert calls[0]["config"] == {"costs": "a=5"}
    assert calls[0]["out"] == Path("there")


def test_an_existing_place_is_refused(cli: Any, tmp_path: Path) -> None:
    outcome = cli("decide", tmp_path, "--costs", "a=5", "--out", tmp_path)
    assert outcome.code == 2
    assert "exists already" in outcome.err
