"""Grids of real runs, small ones."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import headstart
from headstart.errors import ConfigError, DataError, StorageError
from headstart.workflows import benchmark_runs, shared_work
from headstart.workflows.benchmark_markdown import markdown
from headstart.workflows.benchmark_result import BenchmarkResult
from headstart.workflows.compare import compare

SMALL = {
    "data": {"image_size_px": 32, "geometry": "squash"},
    "head": {"taps": "final", "folds": 2},
    "judgement": {"resamples": 100},
}
RANDOM = {"backbone": {"weights": "none"}}
TWO = {"backbones": ["cnn6"], "heads": ["linear", "knn"], "settings": RANDOM}
LOST = {"backbones": ["vgg16"], "settings": {"backbone": {"weights": "nowhere.bin"}}}


class Listener:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def track(self, items: Any, **_: Any) -> Any:
        yield from items

    def wait(self, task: str) -> Any:
        from contextlib import nullcontext

        return nullcontext(task)

    def say(self, message: str) -> None:
        self.said.append(message)


class Tried(NamedTuple):
    """A benchmark of two runs and a failure."""

    photos: Path
    result: BenchmarkResult
    said: list[str]
    prepared: int


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, image_folder: Callable[..., Path]) -> Tried:
    root = tmp_path_factory.mktemp("benchmark")
    photos = image_folder(root / "pets", "cat", "dog", "eel", per_class=12)
    calls: list[object] = []
    listener, prepare = Listener(), shared_work.prepare
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_work, "prepare", lambda *a, **k: calls.append(a) or prepare(*a, **k))
        result = headstart.benchmark(
            photos,
            grid=[TWO, LOST],
            config=SMALL,
            out=root / "out",
            cache=root / "cache",
            progress=listener,
        )
    return Tried(photos, result, listener.said, len(calls))


def again(tried: Tried, **more: Any) -> BenchmarkResult:
    """Give the same command once more, or another one."""
    settings = {
        "grid": TWO,
        "config": SMALL,
        "out": tried.result.folder,
        "cache": tried.result.folder.parent / "cache",
        **more,
    }
    return headstart.benchmark(settings.pop("data", tried.photos), **settings)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Fail any run; list where they would have been."""
    asked: list[Path] = []

    def train_to(target: Path, *_: Any, **__: Any) -> None:
        asked.append(target)
        raise StorageError("no run should be made")

    monkeypatch.setattr(benchmark_runs, "train_to", train_to)
    return asked


def test_every_combination_is_a_run_and_failures_are_passed_over(tried: Tried) -> None:
    (board,) = tried.result.boards
    assert {it.name for it in board.entries} == {"cnn6-32-linear", "cnn6-32-knn"}
    (failed,) = board.failed
    assert (failed.model, failed.trained) == ("vgg16", "linear")
    assert "nowhere.bin" in failed.reason
    assert not tried.result.is_complete
    for entry in board.entries:
        assert (Path(entry.folder) / "report.html").is_file()
        assert entry.accuracy.low <= entry.accuracy.value <= entry.accuracy.high
        assert (entry.native_px, entry.input_px, entry.source_px) == (224, 32, (64, 48))
        assert entry.bundle_bytes
        assert entry.parameters


def test_images_are_read_once_and_features_computed_once(tried: Tried) -> None:
    assert tried.prepared == 1
    passes = []
    for entry in tried.result.boards[0].entries:
        text = (Path(entry.folder) / "environment.json").read_text(encoding="utf-8")
        passes.append(json.loads(text)["forward_passes"])
    assert sorted(passes) == [0, 36]


def test_seconds_count_what_a_run_shares_with_others(tried: Tried) -> None:
    for entry in tried.result.boards[0].entries:
        assert entry.seconds >= entry.seconds_here - 0.01


def test_places_are_those_of_a_comparison(tried: Tried) -> None:
    entries = tried.result.boards[0].entries
    standings = compare({it.name: it.folder for it in entries}, resamples=100).standings
    assert {it.name: it.place for it in entries} == {it.name: it.place for it in standings}


def test_the_choice_goes_by_held_out_training_images(tried: Tried) -> None:
    (board,) = tried.result.boards
    assert board.choice is not None
    assert board.choice.images == 33
    assert board.choice.name in board.advice
    assert any("optimistic" in note for note in board.notes)


def test_the_leaderboard_as_files(tried: Tried) -> None:
    folder = tried.result.folder
    with (folder / "leaderboard.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]
    for column in (
        "place",
        "native_px",
        "input_px",
        "source_width",
        "learning_rate",
        "epochs",
        "batch_size",
        "accuracy_low",
        "f1_weighted",
        "f1_macro_high",
        "validation",
        "seconds",
        "parameters",
        "bundle_bytes",
    ):
        assert column in rows[0], column
    content = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    assert content["data"][0]["choice"]["name"] == tried.result.boards[0].choice.name
    assert (folder / "leaderboard.md").read_text(encoding="utf-8") == markdown(tried.result)
    assert "| place | model |" in markdown(tried.result)
    assert "<!doctype html>" in tried.result.page.read_text(encoding="utf-8")
    assert (folder / "pets.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_finished_is_read(tried: Tried, no_training: list[Path]) -> None:
    result = again(tried)
    assert no_training == []
    assert result.boards[0].entries == tried.result.boards[0].entries
    assert result.is_complete


def test_a_changed_setting_is_refused_by_name(tried: Tried, no_training: list[Path]) -> None:
    other = {**SMALL, "head": {"taps": "final", "folds": 3}}
    with pytest.raises(ConfigError, match=r"head\.folds was 2, is 3.*--out"):
        again(tried, config=other)
    assert no_training == []


def test_other_data_of_the_same_name_are_refused(
    tried: Tried, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    pets = image_folder(tmp_path / "pets", "cat", "dog", per_class=4)
    with pytest.raises(ConfigError, match="was made from"):
        again(tried, data=pets)


def test_a_smaller_grid_says_what_it_leaves_out(tried: Tried, no_training: list[Path]) -> None:
    result = again(tried, grid={**TWO, "heads": ["knn"]})
    assert [it.name for it in result.boards[0].entries] == ["cnn6-32-knn"]
    assert result.boards[0].entries[0].rank == "–"
    assert any("cnn6-32-linear" in note for note in result.notes)
    assert not no_training
    again(tried)


def test_a_stop_leaves_a_leaderboard_and_the_same_command_goes_on(
    tried: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, listener = tmp_path / "out", Listener()
    runs = {it.name: it.folder for it in tried.result.boards[0].entries}

    def train_to(target: Path, *_: Any, **__: Any) -> None:
        if (out / "pets").exists():
            raise KeyboardInterrupt
        shutil.copytree(runs[target.name], target)

    monkeypatch.setattr(benchmark_runs, "train_to", train_to)
    with pytest.raises(KeyboardInterrupt):
        again(tried, out=out, progress=listener)
    assert any(it.startswith("stopped; 1 of 2 runs") for it in listener.said)
    assert "| – | cnn6 | linear |" in (out / "leaderboard.md").read_text(encoding="utf-8")
    monkeypatch.setattr(
        benchmark_runs,
        "train_to",
        lambda target, *_, **__: shutil.copytree(runs[target.name], target),
    )
    assert again(tried, out=out, progress=listener).is_complete
    assert any(it.startswith("1 of 2 runs are in") for it in listener.said)


def test_images_that_have_changed_are_not_mixed_with_earlier_ones(
    tried: Tried, tmp_path: Path
) -> None:
    out, photos = tmp_path / "out", tried.photos
    shutil.copytree(tried.result.folder, out)
    shutil.rmtree(out / "pets" / "cnn6-32-knn")
    new = photos / "cat" / "new.png"
    shutil.copy(photos / "dog" / "0.png", new)
    try:
        listener = Listener()
        (board,) = again(tried, out=out, progress=listener).boards
    finally:
        new.unlink()
    assert "1 images are new" in board.reason
    assert [it.name for it in board.entries] == ["cnn6-32-linear"]


def test_data_that_nobody_could_use_stop_their_own_runs_only(tried: Tried, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(tried.result.folder, out)
    result = again(tried, data=[tmp_path / "nowhere", tried.photos], out=out)
    lost, found = result.boards
    assert (lost.entries, len(found.entries)) == ((), 2)
    assert "nowhere" in lost.reason
    assert "nowhere" in result.page.read_text(encoding="utf-8")


def test_the_only_data_set_that_cannot_be_used_is_an_error(tried: Tried, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        again(tried, data=tmp_path / "nowhere", out=tmp_path / "out")


def test_a_full_disk_stops_everything(
    tried: Tried, tmp_path: Path, no_training: list[Path]
) -> None:
    with pytest.raises(StorageError):
        again(tried, out=tmp_path / "out")
    assert len(no_training) == 1


def test_a_folder_of_something_else_is_left_alone(tried: Tried, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="holds no benchmark"):
        again(tried, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
