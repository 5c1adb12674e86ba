"""Fine-tuning within a run: judged, bundled, and kept only if it wins."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.config import build_config
from headstart.errors import ConfigError, UnknownNameError
from headstart.workflows.fine_tuning import Contest, check_tuning, compare_with_probe
from headstart.workflows.train import train

PHASE: dict[str, Any] = {
    "train": "last 1 stages",
    "epochs": 2,
    "batch_size": 8,
    "optimiser": {"learning_rate": 1e-3},
}


def settings(**training: Any) -> dict[str, Any]:
    return {
        "data": {"image_size_px": 64, "geometry": "squash", "val": 0.3, "test": 0.2},
        "head": {"folds": 2},
        "judgement": {"resamples": 100},
        "training": training,
    }


@pytest.fixture
def photos_folder(tmp_path: Path, image_folder) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", per_class=20)


def test_a_fine_tuned_run_is_whole(tmp_path: Path, photos_folder: Path) -> None:
    done = train(
        photos_folder,
        config=settings(phases=[PHASE], augmentation={"horizontal_flip": True}),
        out=tmp_path / "run",
    )
    with (done.folder / "epochs.csv").open() as stream:
        epochs = list(csv.DictReader(stream))
    assert [row["epoch"] for row in epochs] == ["1", "2"]
    assert any("fine-tuned against" in note for note in done.notes)
    answer = headstart.load(done.bundle).predict([next((photos_folder / "cat").iterdir())])
    assert len(answer) == 1
    assert {path.name for path in done.folder.iterdir()}.isdisjoint({"pixels", "tuned"})


def test_a_network_that_wins_is_what_is_judged_and_deployed(
    tmp_path: Path, photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Contest, "tuned_wins", True)
    done = train(photos_folder, config=settings(phases=[PHASE]), out=tmp_path / "run")
    model = headstart.load(done.bundle)
    with (done.folder / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    paths = [photos_folder / row["path"] for row in rows]
    assert model.predict(paths).tolist() == [row["label"] for row in rows]
    with (done.folder / "split.csv").open() as stream:
        splits = [row["split"] for row in csv.DictReader(stream)]
    about = json.loads((done.bundle / "bundle.json").read_text())["provenance"]
    assert about["trained_images"] == splits.count("train")


def logits(right: list[bool], margin: float = 2.0) -> np.ndarray:
    return np.array([[margin, 0.0] if good else [0.0, margin] for good in right])


def test_the_better_model_is_kept() -> None:
    targets = np.zeros(40, dtype=np.int64)
    good, bad = logits([True] * 38 + [False] * 2), logits([True] * 25 + [False] * 15)
    assert compare_with_probe(good, bad, targets).tuned_wins
    assert not compare_with_probe(bad, good, targets).tuned_wins
    assert "the probe is kept" in compare_with_probe(bad, good, targets).words


def test_a_network_from_scratch_is_kept_and_a_failed_training_is_said() -> None:
    targets = np.zeros(40, dtype=np.int64)
    good, bad = logits([True] * 38 + [False] * 2), logits([True] * 25 + [False] * 15)
    better = compare_with_probe(good, bad, targets, from_scratch=True)
    worse = compare_with_probe(bad, good, targets, from_scratch=True)
    assert better.tuned_wins
    assert worse.tuned_wins
    assert "the trained network is kept" in better.words
    assert "worse than it was" in worse.words
    assert "worse than it was" not in better.words


def test_a_draw_goes_to_the_probe() -> None:
    targets = np.zeros(40, dtype=np.int64)
    same = logits([True] * 30 + [False] * 10)
    assert not compare_with_probe(same, same, targets).tuned_wins


@pytest.mark.parametrize(
    ("training", "error", "words"),
    [
        ({"strategy": "auto"}, ConfigError, "not there yet"),
        ({"strategy": "full", "augmentation": {"preset": "wasted"}}, UnknownNameError, "waste"),
        (
            {"phases": [{"optimiser": {"name": "adam", "momentum": 0.9}}]},
            ConfigError,
            "adam takes no momentum",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(training, error, words: str) -> None:
    with pytest.raises(error, match=words):
        check_tuning(build_config({"training": training}))
