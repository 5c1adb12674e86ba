from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import pytest

from headstart.config import build_config
from headstart.workflows.run_events import EpochLog, told_settings

EPOCH: dict[str, Any] = {
    "phase": 1,
    "epoch": 1,
    "loss": 0.5,
    "accuracy": 0.8,
    "val_loss": float("nan"),
    "val_accuracy": 0.75,
    "learning_rate": 1e-3,
    "seconds": 2.0,
    "images_per_s": 30.0,
}
HISTORY = [EPOCH, {**EPOCH, "epoch": 2, "loss": 0.25}, {**EPOCH, "phase": 2, "loss": 0.125}]


def test_epochs_are_written_as_they_end(tmp_path: Path, read_events: Any) -> None:
    log = EpochLog(tmp_path)
    log(HISTORY[:1])
    assert len(read_events(tmp_path / "tensorboard" / "train")) == 2
    log(HISTORY)
    log(HISTORY)
    _, *trained = read_events(tmp_path / "tensorboard" / "train")
    assert [it["step"] for it in trained] == [1, 2, 3]
    assert [it["scalars"]["loss"] for it in trained] == [0.5, 0.25, 0.125]
    assert trained[2]["scalars"]["phase"] == 2
    _, *judged = read_events(tmp_path / "tensorboard" / "validation")
    assert judged[0]["scalars"] == {"accuracy": 0.75}  # no loss without validation images
    with (tmp_path / "epochs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["phase"], row["epoch"]) for row in rows] == [("1", "1"), ("1", "2"), ("2", "1")]


def test_settings_beside_other_runs() -> None:
    config = build_config({"head": {"strength": 0.1}, "data": {"allow_bad": True}})
    assert told_settings(config) == {
        "backbone.name": "efficientnet_lite0",
        "head.name": "linear",
        "head.taps": "auto",
        "training.strategy": "probe",
        "seed": 0,
        "head.strength": 0.1,
        "data.allow_bad": True,
    }
    phases = build_config({"training": {"phases": [{"epochs": 2}]}})
    assert "epochs" in str(told_settings(phases)["training.phases"])


def test_a_run_of_a_head_tells_its_figures(finished: Any, read_events: Any) -> None:
    result = finished.result
    events = read_events(result.folder / "tensorboard")
    scalars = {tag: value for it in events for tag, value in it["scalars"].items()}
    accuracy = result.test.metrics["accuracy"]
    for end, value in (("", accuracy.value), ("_low", accuracy.low), ("_high", accuracy.high)):
        assert scalars[f"test/accuracy{end}"] == pytest.approx(value)
    assert "validation/nll" in scalars
    texts = {tag: text for it in events for tag, text in it["texts"].items()}
    assert "name: efficientnet_lite0" in texts["config"]
    assert all(note in texts["notes"] for note in result.notes)
    with (result.folder / "history.csv").open() as stream:
        tried = list(csv.DictReader(stream))
    searched = [it for it in events if "head_search/accuracy" in it["scalars"]]
    assert [it["step"] for it in searched] == list(range(len(tried)))


def test_it_takes_no_time_worth_mentioning(tmp_path: Path) -> None:
    from headstart.workflows.event_file import EventFile

    EventFile(tmp_path / "warm")
    started = time.process_time()
    file = EventFile(tmp_path / "run")
    for step in range(60):
        file.scalars({"head_search/accuracy": 0.5, "head_search/log_loss": 0.5}, step=step)
    file.scalars({f"test/figure {number}": 0.5 for number in range(60)})
    file.text("config", "x" * 4000)
    assert time.process_time() - started < 0.05
