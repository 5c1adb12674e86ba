"""What ``headstart tune`` asks for, refuses and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.cli.tune_table import WIDTH, tune_lines
from headstart.config import TrainConfig
from headstart.evaluation import judge
from headstart.selection.study import TrialRecord
from headstart.workflows.train_result import TrainResult
from headstart.workflows.tune_result import TuneResult


def trial(number: int, value: float) -> TrialRecord:
    facts = {"log-loss": value, "accuracy": 0.9, "f1": 0.8, "images": 2096, "choice": "taps 'all'"}
    values = {"head.name": "svm-rbf", "head.C": 12.3456, "head.widths": [1024, 512]}
    return TrialRecord(number, "complete", value, values if number else {}, facts, 0.25)


@pytest.fixture
def result(tmp_path: Path) -> TuneResult:
    judged = judge(np.eye(2)[[0, 1, 1]], np.array([0, 1, 0]), classes=("a", "b"), resamples=100)
    run = TrainResult(tmp_path / "run", judged, judged, (), {"total": 3.0})
    trials = tuple(trial(number, 0.3 + 0.01 * (number % 7)) for number in range(9))
    shares = {"head.C": 0.7, "head.name": 0.3}
    return TuneResult(
        tmp_path, run, trials, (), "log-loss", trials[0], None, True, shares, ("a note " * 30,), 9.0
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, result: TuneResult) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def tune(data: str | None, **options: Any) -> TuneResult:
        asked.append({"data": data, **options})
        return result

    monkeypatch.setattr("headstart.workflows.tune.tune", tune)
    return asked


def test_lines_fit_a_terminal(result: TuneResult) -> None:
    lines = list(tune_lines(result))
    assert max(map(len, lines)) <= WIDTH
    assert "name svm-rbf, C 12.3, widths [1024, 512]" in "\n".join(lines)
    assert "the default: taps 'all'" in "\n".join(lines)
    assert "what mattered: head.C 70%, head.name 30%" in lines


def test_options_become_settings(cli: Any, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    outcome = cli(
        *("tune", "photos", "--budget", "30m", "--trials", 50, "--folds", 4, "--ensemble"),
        *("--head", "svm", "--metric", "f1", "--out", tmp_path / "s", "--space", "s.yaml"),
    )
    assert outcome.code == 0
    (asked,) = calls
    config: TrainConfig = asked["config"]
    assert (config.head.name, config.head.folds, config.head.cross_validate) == ("svm", 4, 4)
    assert config.head.ensemble
    assert (asked["budget"], asked["trials"], asked["metric"]) == ("30m", 50, "f1")
    assert (asked["out"], asked["space"]) == (tmp_path / "s", Path("s.yaml"))
    assert "resume" not in asked
    assert "no trial of 9 was better than the default" in outcome.out
    assert "3 unseen test images" in outcome.out
    assert "9.0 s for 9 trials" in outcome.out


def test_a_resume_takes_only_more_time_and_trials(cli: Any, calls: list[dict[str, Any]]) -> None:
    assert cli("tune", "--resume", "runs/x", "--trials", 9).code == 0
    assert calls[0]["resume"] == Path("runs/x")
    assert "config" not in calls[0]
    outcome = cli("tune", "photos", "--resume", "runs/x", "--seed", 3)
    assert outcome.code == 2
    assert "leave out data, --seed" in outcome.err
    assert "tune needs DATA" in cli("tune").err


def test_a_misspelt_setting_is_refused_with_the_close_one(cli: Any, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("head.strenght: [1]\n", encoding="utf-8")
    outcome = cli("tune", "photos", "--space", space)
    assert outcome.code == 2
    assert "did you mean head.strength" in outcome.err
    assert outcome.err.startswith("headstart: ")
