"""A run that is stopped anywhere goes on, and ends as if nothing had been."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from headstart.errors import ConfigError, DataError, TrainingError, WeightsError
from headstart.progress import Silent
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.contest import Contest
from headstart.workflows.resume_record import ResumeRecord
from headstart.workflows.train import train

PHASE: dict[str, Any] = {
    "train": "all",
    "epochs": 3,
    "batch_size": 8,
    "dropout": 0.2,
    "optimiser": {"learning_rate": 1e-3},
}
SETTINGS: dict[str, Any] = {
    "backbone": {"name": "cnn1", "weights": "none"},
    "data": {"image_size_px": 32, "geometry": "squash", "val": 0.3, "test": 0.2},
    "head": {"folds": 2, "strength": 0.01},
    "judgement": {"resamples": 100},
    "training": {
        "arithmetic": "f32",
        "phases": [PHASE],
        "augmentation": {"horizontal_flip": True},
    },
}


class Interrupting(Silent):
    """Presses Ctrl-C once a task comes that starts with some words; remembers what is said."""

    def __init__(self, task: str = "never") -> None:
        self.task = task
        self.said: list[str] = []

    def track(self, items: Iterable[Any], *, total: int, task: str, unit: str) -> Iterator[Any]:
        for count, item in enumerate(items):
            if task.startswith(self.task) and count == 1:
                raise KeyboardInterrupt
            yield item

    def wait(self, task: str) -> AbstractContextManager[object]:
        if task.startswith(self.task):
            raise KeyboardInterrupt
        return super().wait(task)

    def say(self, message: str) -> None:
        self.said.append(message)


class Whole(NamedTuple):
    """A run that was never stopped."""

    photos: Path
    cache: Path
    folder: Path


@pytest.fixture(autouse=True)
def tuned_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Contest, "wins", True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, image_folder: Any) -> Whole:
    root = tmp_path_factory.mktemp("whole")
    photos = image_folder(root / "photos", "cat", "dog", per_class=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Contest, "wins", True)
        train(photos, config=SETTINGS, out=root / "run", cache=root / "cache")
    return Whole(photos, root / "cache", root / "run")


def interrupted(whole: Whole, out: Path, task: str, **settings: Any) -> Interrupting:
    progress = Interrupting(task)
    config = {**SETTINGS, "training": {**SETTINGS["training"], **settings}}
    with pytest.raises(KeyboardInterrupt):
        train(whole.photos, config=config, out=out, cache=whole.cache, progress=progress)
    assert not out.exists()
    return progress


def table(path: Path, *without: str) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key: value for key, value in row.items() if key not in without} for row in rows]


def same_run(one: Path, other: Path) -> bool:
    epochs = [table(run / "epochs.csv", "seconds", "images_per_s") for run in (one, other)]
    files = ("bundle/weights.safetensors", "bundle/graph.onnx", "predictions.csv", "split.csv")
    return epochs[0] == epochs[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in files
    )


STOPS = ["phase 1, epoch 1", "phase 1, epoch 3", "exporting", "writing the b", "writing the r"]


@pytest.mark.parametrize("task", STOPS)
def test_stopped_anywhere_it_ends_as_if_it_had_not_been(
    task: str, whole: Whole, tmp_path: Path, read_events: Any
) -> None:
    out = tmp_path / "run"
    progress = interrupted(whole, out, task)
    command = f"headstart train --resume {out}"
    assert f"should this run be stopped: {command}" in progress.said
    assert progress.said[-1] == f"the run is kept; to go on: {command}"
    done = train(resume=out)
    assert same_run(whole.folder, out)
    _, *events = read_events(out / "tensorboard" / "train")
    assert [it["step"] for it in events] == list(range(1, len(events) + 1))  # none is there twice
    assert len(events) == len(table(out / "epochs.csv"))
    assert list(tmp_path.iterdir()) == [out]
    names = {path.name for path in out.rglob("*")}
    assert names == {path.name for path in whole.folder.rglob("*")}
    assert "resumed after a stop: times count from then" in done.notes
    assert json.loads((out / "metrics.json").read_text())["notes"] == list(done.notes)


@pytest.mark.parametrize("task", ["features", "decoding"])
def test_stopped_before_there_is_anything_to_go_on_from(
    task: str, whole: Whole, tmp_path: Path
) -> None:
    cold = Whole(whole.photos, tmp_path.with_name(f"{tmp_path.name}-cold"), whole.folder)
    interrupted(cold, tmp_path / "run", task)
    assert list(tmp_path.iterdir()) == []


def test_stopped_twice_with_another_number_of_threads(whole: Whole, tmp_path: Path) -> None:
    out, threads = tmp_path / "run", torch.get_num_threads()
    interrupted(whole, out, "phase 1, epoch 2")
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(resume=out, progress=Interrupting("phase 1, epoch 3"))
        train(resume=out)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert same_run(whole.folder, out)


def test_it_goes_on_from_where_it_was_and_not_anew(whole: Whole, tmp_path: Path) -> None:
    out = tmp_path / "run"
    interrupted(whole, out, "phase 1, epoch 3")
    progress = Interrupting()
    train(resume=out, progress=progress)
    epochs = [line for line in progress.said if line.startswith("phase 1, epoch")]
    assert [line.split(":")[0] for line in epochs] == ["phase 1, epoch 3/3"]


def test_a_finished_run_is_not_resumed(whole: Whole) -> None:
    with pytest.raises(ConfigError, match="is finished"):
        train(resume=whole.folder)


@pytest.mark.parametrize("key", ["data", "config", "out", "name"])
def test_what_would_change_the_run_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"leave out {key}"):
        train(resume=tmp_path / "run", **{key: "x"})  # type: ignore[arg-type]


def test_neither_data_nor_a_run_to_go_on_with() -> None:
    with pytest.raises(ConfigError, match="needs data, or resume"):
        train()


def test_other_images_are_refused_and_the_run_is_kept(whole: Whole, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "run"
    shutil.copytree(whole.photos, photos)
    copy = Whole(photos, whole.cache, whole.folder)
    interrupted(copy, out, "phase 1, epoch 2")
    changed = photos / "cat" / "0.png"
    content = changed.read_bytes()
    shutil.copy(photos / "dog" / "0.png", changed)
    with pytest.raises(DataError, match=r"photos has changed since the run began"):
        train(resume=out)
    changed.unlink()
    with pytest.raises(DataError, match="39 images, not 40"):
        train(resume=out)
    changed.write_bytes(content)
    train(resume=out)
    assert same_run(whole.folder, out)


def test_other_weights_are_refused(whole: Whole, tmp_path: Path) -> None:
    out = tmp_path / "run"
    interrupted(whole, out, "phase 1, epoch 2")
    (partial,) = tmp_path.glob(".run.partial-*")
    record = ResumeRecord.read(partial)
    assert record is not None
    record.model_copy(update={"weights_sha256": "0" * 64}).write(partial)
    with pytest.raises(WeightsError, match="weights have changed"):
        train(resume=partial)
    assert partial.exists()


def test_another_machine_is_noted(whole: Whole, tmp_path: Path) -> None:
    out = tmp_path / "run"
    interrupted(whole, out, "phase 1, epoch 3")
    (partial,) = tmp_path.glob(".run.partial-*")
    record = ResumeRecord.read(partial)
    assert record is not None
    record.model_copy(update={"machine": {**record.machine, "torch": "1.0"}}).write(partial)
    done = train(resume=out)
    assert any("goes on elsewhere" in note and "torch 1.0 ->" in note for note in done.notes)


def test_a_fresh_run_of_the_same_name_says_so_and_begins_anew(whole: Whole, tmp_path: Path) -> None:
    out = tmp_path / "run"
    interrupted(whole, out, "phase 1, epoch 2")
    (partial,) = tmp_path.glob(".run.partial-*")
    progress = Interrupting()
    train(whole.photos, config=SETTINGS, out=out, cache=whole.cache, progress=progress)
    assert f"an unfinished run of that name is in {partial}" in progress.said[0]
    assert partial.exists()
    with pytest.raises(ConfigError, match=f"is finished.*{partial.name}"):
        train(resume=out)
    assert train(resume=partial).folder == tmp_path / "run-2"
    assert same_run(out, tmp_path / "run-2")


def test_a_run_that_diverged_names_a_checkpoint_and_goes_on_slower(
    whole: Whole, tmp_path: Path
) -> None:
    out, progress = tmp_path / "run", Interrupting()
    wild = {**PHASE, "optimiser": {"name": "sgd", "learning_rate": 1e20}}
    config = {**SETTINGS, "training": {**SETTINGS["training"], "phases": [wild]}}
    with pytest.raises(TrainingError, match="the last good checkpoint is") as caught:
        train(whole.photos, config=config, out=out, cache=whole.cache, progress=progress)
    named = str(caught.value).partition("checkpoint is ")[2].partition(";")[0]
    assert Path(named).is_file()
    assert progress.said[-1].endswith(f"headstart train --resume {out} --lr-factor 0.1")
    assert progress.said[-1] in caught.value.__notes__
    with pytest.raises(TrainingError):
        train(resume=out)
    done = train(resume=out, lr_factor=1e-23)
    assert "learning rates times 1e-23 from step 0 on, by --lr-factor" in done.notes
    plan = TuningPlan.read(out)
    assert plan is not None
    assert plan.phases[0].optimiser.learning_rate == pytest.approx(1e-3)
