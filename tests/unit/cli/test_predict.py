from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.serving.predictor import Prediction

PREDICTIONS = [
    Prediction("a.jpg", "cat", 0.75, "ok", "", np.array([0.75, 0.25], dtype=np.float32)),
    Prediction("b.jpg", "", 0.0, "error", "truncated", np.empty(0, dtype=np.float32)),
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of predictions."""
    asked: list[dict[str, Any]] = []

    def predict(_: object, images: list[str], **options: Any) -> list[Prediction]:
        asked.append({"images": images, **options})
        return PREDICTIONS

    predictor = SimpleNamespace(classes_=np.array(["cat", "dog"]))
    monkeypatch.setattr("headstart.cli.predict.load", lambda *_, **__: predictor)
    monkeypatch.setattr("headstart.cli.predict.predict", predict)
    return asked


def test_a_line_an_image(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "b.jpg")
    assert outcome == (0, "a.jpg\tcat\t0.750000\tok\nb.jpg\terror\ttruncated\n", "")
    assert calls[0]["images"] == ["a.jpg", "b.jpg"]


def test_more_classes_and_all_probabilities(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "--top-k", "2", "--probabilities")
    first = outcome.out.splitlines()[0].split("\t")
    assert first[4:] == ["dog", "0.250000", "0.750000", "0.250000"]
    assert (calls[0]["top_k"], calls[0]["probabilities"]) == (2, True)


def test_a_table_is_summed_up(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "b.jpg", "-o", "table.csv")
    assert outcome.out == "2 images, 1 of them unreadable: table.csv\n"
    assert calls[0]["out"] == Path("table.csv")


def test_an_unknown_precision(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("predict", "bundle", "a.jpg", "--precision", "f31")
    assert outcome.code == 2
    assert "unknown precision 'f31': did you mean f32?" in outcome.err
    assert calls == []
