"""Several runs on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import headstart
from headstart.config import build_config
from headstart.errors import ConfigError, DataError
from headstart.workflows.grid import run_grid
from headstart.workflows.recipes import PlannedRun


def planned(backbone: str, **settings: Any) -> PlannedRun:
    config = {
        "backbone": {"name": backbone, "weights": "none", **settings},
        "data": {"image_size_px": 32, "geometry": "squash"},
        "head": {"taps": "final", "folds": 2},
        "judgement": {"resamples": 100},
    }
    return PlannedRun(f"mine-{backbone}", backbone, ".5", build_config(config))


@pytest.fixture
def photos(tmp_path: Path, image_folder: Any) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", per_class=10)


def test_a_failing_network_is_passed_over_with_its_reason(tmp_path: Path, photos: Path) -> None:
    runs = [
        planned("vgg16", weights=None, offline=True),
        planned("nosuch"),
        planned("cifar_cnn"),
    ]
    missing, unknown, done = run_grid(photos, runs, out=tmp_path / "runs")
    assert "vgg16" in missing.reason
    assert "unknown backbone" in unknown.reason
    assert missing.folder is unknown.folder is missing.test is None
    assert done.reason == ""
    assert done.folder == tmp_path / "runs" / "mine-cifar_cnn"
    assert (done.folder / "metrics.json").exists()
    assert done.test is not None
    assert done.test.n == 2
    assert done.parameters == 866_216
    assert done.seconds > 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["mine-cifar_cnn"]


def test_data_that_no_network_could_use_stop_the_grid(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        run_grid(tmp_path / "nowhere", [planned("cnn6")], out=tmp_path / "runs")


def test_a_mistake_in_the_last_run_is_found_before_the_first(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "runs" / "mine-cnn6").mkdir(parents=True)
    with pytest.raises(ConfigError, match="exists already"):
        run_grid(photos, [planned("cifar_cnn"), planned("cnn6")], out=tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine-cnn6"]


def test_from_python_a_grid_has_its_own_function(tmp_path: Path, photos: Path) -> None:
    offline = {"backbone": {"offline": True}, "data": {"image_size_px": 64}}
    rows = headstart.train_grid(photos, recipe="butterflies", config=offline, out=tmp_path)
    assert [row.run.backbone for row in rows] == ["VGG19", "VGG16", "InceptionV3", "Xception"]
    assert all(row.reason for row in rows)
