from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.serving.predictor import Prediction
from headstart.workflows.predict_batch import BatchResult

PREDICTIONS = [
    Prediction("a.jpg", "cat", 0.75, "ok", "", np.array([0.75, 0.25], dtype=np.float32)),
    Prediction("b.jpg", "", 0.0, "error", "truncated", np.empty(0, dtype=np.float32)),
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of predictions."""
    asked: list[dict[str, Any]] = []
    predictor = SimpleNamespace(classes_=np.array(["cat", "dog"]))

    def stream(given: Any, images: list[str], changes: Any, **options: Any) -> Any:
        asked.append({"images": images, "changes": changes, **options})
        return given, iter(PREDICTIONS)

    def batch(_: object, images: list[str], *, out: str, **options: Any) -> BatchResult:
        asked.append({"images": images, "out": out, **options})
        return BatchResult(Path(out), 1200, 1000, 1, 20, {"not an image": 3})

    monkeypatch.setattr("headstart.cli.predict.load", lambda *_, **__: predictor)
    monkeypatch.setattr("headstart.cli.predict.stream_predictions", stream)
    monkeypatch.setattr("headstart.cli.predict.predict_batch", batch)
    return asked


def test_a_line_an_image(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "b.jpg")
    assert outcome == (0, "a.jpg\tcat\t0.750000\tok\nb.jpg\terror\ttruncated\n", "")
    assert calls[0]["images"] == ["a.jpg", "b.jpg"]


def test_more_classes_and_all_probabilities(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "--top-k", "2", "--probabilities")
    first = outcome.out.splitlines()[0].split("\t")
    assert first[4:] == ["dog", "0.250000", "0.750000", "0.250000"]
    assert calls[0]["top_k"] == 2


def test_a_table_is_summed_up(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "b.jpg", "-o", "table.csv", "--answer-all")
    assert outcome.out == (
        "1,200 images, 1,000 of them predicted before, 1 of them unreadable, 20 unknown "
        "(3 other files left out): table.csv\n"
    )
    assert (calls[0]["out"], calls[0]["restart"], calls[0]["answer_all"]) == (
        "table.csv",
        False,
        True,
    )


@pytest.mark.parametrize(("flag", "restart"), [("--resume", False), ("--restart", True)])
def test_going_on_or_not(
    cli: Any, calls: list[dict[str, Any]], flag: str, *, restart: bool
) -> None:
    assert cli("predict", "bundle", "a.jpg", "-o", "table.csv", flag).code == 0
    assert calls[0]["restart"] is restart


def test_a_csv_on_standard_output(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "-o", "-", "--priors", "equal")
    lines = ["path,label,confidence,status,error", "a.jpg,cat,0.750000,ok,"]
    assert outcome.out.split("\n") == [*lines, "b.jpg,,,error,truncated", ""]
    assert calls[0]["changes"].priors == "equal"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_device_is_written_to_and_not_replaced(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    reader = os.open(tmp_path / "pipe.csv", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert cli("predict", "bundle", "a.jpg", "-o", tmp_path / "pipe.csv").code == 0
        assert os.read(reader, 1000).startswith(b"path,label")
    finally:
        os.close(reader)
    assert (tmp_path / "pipe.csv").is_fifo()


def test_a_reader_that_has_seen_enough_is_no_mistake(
    cli: Any, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []

    def echo(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("headstart.cli.predict.typer.echo", echo)
    monkeypatch.setattr("headstart.cli.predict.os.dup2", lambda _, to: closed.append(to))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(fileno=lambda: 1, flush=lambda: None))
    assert cli("predict", "bundle", "a.jpg").code == 0
    assert closed == [1]


def test_an_unknown_precision(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "--precision", "f31")
    assert outcome.code == 2
    assert "unknown precision 'f31': did you mean f32?" in outcome.err
    assert calls == []
