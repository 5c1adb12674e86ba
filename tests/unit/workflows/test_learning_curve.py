from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.backbones.graph import BackboneGraph
from headstart.config import TrainConfig
from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.selection.curve_result import LearningCurve
from headstart.workflows import learning_curve as module
from headstart.workflows.learning_curve import learning_curve


@pytest.fixture
def knn(config: TrainConfig) -> TrainConfig:
    head = config.head.model_copy(update={"name": "knn", "neighbours": 1, "taps": "final"})
    return config.model_copy(update={"head": head})


def test_a_curve_as_files(
    tmp_path: Path,
    cache: Path,
    knn: TrainConfig,
    image_folder: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, out = image_folder(tmp_path / "photos", "cat", "dog", per_class=20), tmp_path / "out"
    seen: list[int] = []
    real = module.measure_curve

    def spy(task: Any, *args: Any, **options: Any) -> Any:
        seen.append(len(task.targets))
        return real(task, *args, **options)

    monkeypatch.setattr(module, "measure_curve", spy)
    found: LearningCurve = learning_curve(
        photos, config=knn, sizes=[5, 8, 12, 24], out=out, cache=cache
    )
    assert seen == [36]
    assert found.images == 36
    assert "4 test images were not looked at" in found.notes[0]
    assert [round(it.images) for it in found.points] == [5, 8, 12, 24]
    assert [it.judged for it in found.points] == [36] * 4
    assert found.laws is not None
    assert {path.name for path in out.iterdir()} == {
        "classes.csv",
        "learning-curve.csv",
        "learning-curve.html",
        "learning-curve.json",
        "learning-curve.png",
    }
    assert json.loads((out / "learning-curve.json").read_text()) == found.to_json()


def test_what_cannot_work_is_refused_before_any_work(
    tmp_path: Path,
    cache: Path,
    knn: TrainConfig,
    image_folder: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    lite0_graph: BackboneGraph,
) -> None:
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=12)
    monkeypatch.setattr(module, "Featuriser", None)
    with pytest.raises(DataError, match="too few for a learning curve"):
        learning_curve(photos, config=knn, cache=cache)
    with pytest.raises(ConfigError, match="expected two or more numbers"):
        learning_curve(photos, config=knn, sizes=[8, 23], cache=cache)
    with pytest.raises(ConfigError, match="exists already"):
        learning_curve(photos, out=photos, cache=cache)
    with pytest.raises(UnknownNameError):
        learning_curve(photos, config={"head": {"name": "linera"}}, cache=cache)
