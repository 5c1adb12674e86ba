from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.evaluation import judge


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of a run."""
    asked: list[dict[str, Any]] = []

    def train(data: str | None, **options: Any) -> SimpleNamespace:
        asked.append({"data": data, **options})
        probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
        judgement = judge(
            probabilities, np.array([0, 1]), classes=("a", "b"), resamples=100, seed=0
        )
        return SimpleNamespace(
            notes=("2 images are exact copies of others",),
            test=judgement,
            report=Path("run/report.html"),
            bundle=Path("run/bundle"),
            timings_s={"total": 12.34},
            decision=None,
        )

    monkeypatch.setattr("headstart.workflows.train.train", train)
    return asked


def test_the_result_in_a_few_lines(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("train", "photos")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "note: 2 images are exact copies of others"
    assert lines[1] == "2 unseen test images, value [95 % interval]:"
    assert lines[2].split()[:2] == ["accuracy", "1.000"]
    assert lines[-3:] == ["report  run/report.html", "bundle  run/bundle", "time    12.3 s"]


def test_nothing_given_means_the_defaults(cli: Any, calls: list[dict[str, Any]]) -> None:
    cli("train", "photos")
    (call,) = calls
    config = call["config"]
    assert call["data"] == "photos"
    assert (call["out"], call["name"], call["cache"]) == (None, None, None)
    assert config == type(config)()


def test_every_option_reaches_its_setting(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    options = {
        "--model": ("backbone.name", "efficientnet_lite1"),
        "--seed": ("seed", 3),
        "--geometry": ("data.geometry", "pad"),
        "--imgsz": ("data.image_size_px", 128),
        "--val": ("data.val", 0.2),
        "--test": ("data.test", 0.3),
        "--max-pixels": ("data.max_pixels", 1000),
        "--class-weight": ("head.class_weight", "balanced"),
        "--head": ("head.name", "knn"),
        "--taps": ("head.taps", "final"),
        "--engine": ("engine.name", "openvino"),
        "--precision": ("engine.precision", "f32"),
        "--workers": ("engine.threads", 1),
    }
    given = [part for flag, (_, value) in options.items() for part in (flag, value)]
    more = ["--allow-bad", "--allow-leaks", "--name", "mine", "--cache", tmp_path]
    outcome = cli("train", "photos", *given, *more)
    assert outcome.code == 0, outcome.err
    (call,) = calls
    settings = call["config"].model_dump()
    for key, expected in options.values():
        value: Any = settings
        for part in key.split("."):
            value = value[part]
        assert value == expected, key
    assert settings["data"]["allow_bad"] is settings["data"]["allow_leaks"] is True
    assert (call["name"], call["cache"]) == ("mine", tmp_path)


def test_set_wins_over_options_and_options_over_the_file(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("seed: 1\ndata: {val: 0.2, test: 0.2, allow_bad: true}\n")
    assignments = ["--set", "data.test=0.4", "--set", "head.folds=3"]
    outcome = cli("train", "photos", "-c", file, "--val", "0.3", "--test", "0.3", *assignments)
    assert outcome.code == 0, outcome.err
    config = calls[0]["config"]
    assert (config.seed, config.data.val, config.data.test, config.head.folds) == (1, 0.3, 0.4, 3)
    assert config.data.allow_bad is True


def test_an_existing_run_is_refused_before_the_training_libraries_load(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    outcome = cli("train", "photos", "--out", tmp_path)
    assert outcome.code == 2
    assert "exists already" in outcome.err
    assert calls == []


def test_a_stopped_run_is_gone_on_with(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    outcome = cli("train", "--resume", "runs/x", "--cache", tmp_path, "--lr-factor", "0.5")
    assert outcome.code == 0, outcome.err
    (call,) = calls
    assert (call["data"], call["resume"], call["lr_factor"]) == (None, Path("runs/x"), 0.5)
    assert call["cache"] == tmp_path
    assert call.keys().isdisjoint({"config", "out", "name"})


def test_where_to_log_a_run_or_one_that_goes_on(cli: Any, calls: list[dict[str, Any]]) -> None:
    cli("train", "photos", "--track", "mlflow:http://host")
    cli("train", "--resume", "runs/x", "--track", "mlflow")
    assert [call["track"] for call in calls] == ["mlflow:http://host", "mlflow"]


def test_with_its_own_data_and_settings(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("train", "photos", "--resume", "runs/x", "--seed", "3", "--set", "seed=3")
    assert outcome.code == 2
    assert "leave out data, --seed, --set" in outcome.err
    assert calls == []


def test_data_or_a_run_to_go_on_with(cli: Any, calls: list[dict[str, Any]]) -> None:
    assert "train needs DATA" in cli("train").err
    outcome = cli("train", "photos", "--lr-factor", "0.1")
    assert outcome.code == 2
    assert "--lr-factor only goes with --resume" in outcome.err
    assert calls == []
