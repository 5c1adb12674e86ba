"""Runs whose whole choice is cross-validated, and whose heads are deployed together."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.errors import ConfigError
from headstart.workflows.train import train


@pytest.fixture(scope="module")
def ensemble(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three heads on one network."""
    head = {"cross_validate": 3, "ensemble": True, "taps": "all", "strength": 1e-3}
    config = {
        "data": {"image_size_px": 96, "geometry": "squash"},
        "head": head,
        "judgement": {"resamples": 100},
    }
    out = tmp_path_factory.mktemp("ensemble") / "run"
    return train(finished.photos, config=config, out=out, cache=finished.cache)


def test_each_fold_has_its_figures(ensemble: Any) -> None:
    with (ensemble.folder / "folds.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["fold"] for row in rows] == ["1", "2", "3"]
    assert sum(int(row["images"]) for row in rows) == ensemble.validation.confusion.sum() == 33
    right = sum(float(row["accuracy"]) * int(row["images"]) for row in rows)
    assert right / 33 == pytest.approx(ensemble.validation.metrics["accuracy"].value)
    assert any("3 folds, every choice made anew" in note for note in ensemble.notes)


def test_the_bundle_answers_as_the_heads_together(ensemble: Any, finished: Any) -> None:
    parity = json.loads((ensemble.folder / "metrics.json").read_text())["parity"]
    assert all(one["largest_difference"] < 0.05 for one in parity)
    assert parity[-1]["precision"] == "f32"
    with (ensemble.folder / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    model = headstart.load(ensemble.bundle)
    said = model.predict_proba([finished.photos / row["path"] for row in rows])
    noted = np.array([[float(row[f"prob_{name}"]) for name in model.classes_] for row in rows])
    np.testing.assert_allclose(said, noted, atol=0.05)
    info = json.loads((ensemble.bundle / "bundle.json").read_text())
    assert info["provenance"]["head_choice"] == "3 heads averaged"


def test_folds_of_fine_tuning_are_refused(tmp_path: Path) -> None:
    config = {"head": {"ensemble": True}, "training": {"strategy": "partial"}}
    with pytest.raises(ConfigError, match="leave out --folds and --ensemble"):
        train(tmp_path, config=config)
