from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headstart.config import TrainConfig
from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.progress import Silent
from headstart.workflows.train import train


def test_the_result_points_at_what_was_written(finished: Any) -> None:
    result = finished.result
    assert result.report == result.folder / "report.html"
    assert result.report.is_file()
    assert (result.bundle / "bundle.json").is_file()
    assert result.test.n == 3
    assert result.validation.n == 33
    assert result.timings_s["total"] > result.timings_s["features"]


def test_the_bundle_knows_where_it_comes_from(finished: Any) -> None:
    bundle = json.loads((finished.result.bundle / "bundle.json").read_text())
    assert bundle["classes"] == ["cat", "dog", "eel"]
    assert bundle["geometry"]["size_px"] == 96
    provenance = bundle["provenance"]
    assert provenance["backbone"] == "efficientnet_lite0"
    assert provenance["trained_images"] == 33
    assert provenance["weights_licence"] == "Apache-2.0"
    assert len(provenance["weights_sha256"]) == 64
    assert bundle["test"]["accuracy"]["value"] == finished.result.test.metrics["accuracy"].value


def test_plain_settings_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean head\.strength"):
        train(tmp_path / "nowhere", config={"head": {"stength": 1}}, out=tmp_path / "run")
    with pytest.raises(UnknownNameError, match="unknown backbone"):
        train(tmp_path / "nowhere", config={"backbone": {"name": "x"}}, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        train(tmp_path / "nowhere", out=tmp_path / "run")


def test_a_test_split_that_bad_files_empty(
    finished: Any, config: TrainConfig, own_cache: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    for split, source in (("train", "*"), ("test", "0.png")):
        for path in sorted(finished.photos.glob(f"*/{source}")):
            target = photos / split / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            if split == "test":
                target.write_bytes(content[: len(content) // 2])
            elif path.name != "0.png":
                target.write_bytes(content)
    shutil.copytree(finished.cache, own_cache)
    settings = config.model_copy(
        update={"data": config.data.model_copy(update={"allow_bad": True})}
    )
    with pytest.raises(DataError, match="no test image is left"):
        train(photos, config=settings, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == [photos]


def test_the_name_of_the_data_names_the_run(
    finished: Any, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = train(finished.photos, config=config, name="mine", cache=finished.cache)
    assert result.folder == Path("runs/mine")


def test_progress_hears_of_the_choices(finished: Any, config: TrainConfig, tmp_path: Path) -> None:
    said: list[str] = []
    tasks: list[str] = []

    class Listener(Silent):
        def track(self, items: Any, *, total: int, task: str, unit: str) -> Any:
            tasks.append(task)
            yield from items

        def say(self, message: str) -> None:
            said.append(message)

    train(
        finished.photos,
        config=config,
        out=tmp_path / "run",
        cache=finished.cache,
        progress=Listener(),
    )
    assert "reading the images" in tasks
    assert any(message.startswith("geometry: squash") for message in said)
    assert any(message.startswith("head: logistic regression") for message in said)
