"""Fine-tuning within a run: judged, bundled, and kept only if it wins."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import headstart
from headstart.config import build_config
from headstart.errors import ConfigError, UnknownNameError
from headstart.workflows.contest import Contest
from headstart.workflows.stored_run import read_run
from headstart.workflows.train import train
from headstart.workflows.tuning_config import check_tuning

PHASE: dict[str, Any] = {
    "train": "last 1 stages",
    "epochs": 2,
    "batch_size": 8,
    "optimiser": {"learning_rate": 1e-3},
}


SMALL: dict[str, Any] = {"image_size_px": 64, "geometry": "squash", "val": 0.3, "test": 0.2}


def settings(**training: Any) -> dict[str, Any]:
    return {
        "data": SMALL,
        "head": {"folds": 2},
        "judgement": {"resamples": 100},
        "training": training,
    }


@pytest.fixture
def photos_folder(tmp_path: Path, image_folder) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", per_class=20)


def test_a_fine_tuned_run_is_whole(tmp_path: Path, photos_folder: Path, read_events: Any) -> None:
    done = train(
        photos_folder,
        config=settings(phases=[PHASE], augmentation={"horizontal_flip": True}),
        out=tmp_path / "run",
    )
    with (done.folder / "epochs.csv").open() as stream:
        epochs = list(csv.DictReader(stream))
    assert [row["epoch"] for row in epochs] == ["1", "2"]
    for side, prefix in (("train", ""), ("validation", "val_")):
        _, *events = read_events(done.folder / "tensorboard" / side)
        assert [it["step"] for it in events] == [1, 2]
        losses = [float(row[f"{prefix}loss"]) for row in epochs]
        assert [it["scalars"]["loss"] for it in events] == pytest.approx(losses)
    assert any("fine-tuned against" in note for note in done.notes)
    answer = headstart.load(done.bundle).predict([next((photos_folder / "cat").iterdir())])
    assert len(answer) == 1
    assert {path.name for path in done.folder.iterdir()}.isdisjoint({"pixels", "tuned"})


def test_a_network_that_wins_is_what_is_judged_and_deployed(
    tmp_path: Path, photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Contest, "wins", True)
    done = train(photos_folder, config=settings(phases=[PHASE]), out=tmp_path / "run")
    assert read_run(done.folder).kept == "fine-tuned"
    model = headstart.load(done.bundle)
    with (done.folder / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    paths = [photos_folder / row["path"] for row in rows]
    assert model.predict(paths).tolist() == [row["label"] for row in rows]
    with (done.folder / "split.csv").open() as stream:
        splits = [row["split"] for row in csv.DictReader(stream)]
    about = json.loads((done.bundle / "bundle.json").read_text())["provenance"]
    assert about["trained_images"] == splits.count("train")
    assert done.errors is not None  # the head judges labels: it had not learned them
    assert done.errors.labels.judged == len(splits) - splits.count("test")


def test_auto_stays_within_its_means_and_says_why(tmp_path: Path, photos_folder: Path) -> None:
    done = train(photos_folder, config=settings(strategy="auto", budget="1s"), out=tmp_path / "run")
    said = [note for note in done.notes if note.startswith("auto: ")]
    assert any("the head alone" in note for note in said)
    assert not (done.folder / "epochs.csv").exists()


def test_auto_tests_mirrors_tries_shifts_and_trains(tmp_path: Path, image_folder) -> None:
    photos = image_folder(tmp_path / "many", "cat", "dog", "fox", per_class=40)
    done = train(
        photos,
        config={**settings(strategy="auto", budget="3m"), "data": {**SMALL, "val": 0.4}},
        out=tmp_path / "run",
    )
    said = " ".join(note for note in done.notes if note.startswith("auto: "))
    for words in ("left-right mirror images", "top-bottom", "diagonal"):
        assert words in said
    assert (done.folder / "epochs.csv").exists()


@pytest.mark.parametrize(
    ("training", "error", "words"),
    [
        ({"strategy": "auto", "budget": "soon"}, ConfigError, "no length of time"),
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
