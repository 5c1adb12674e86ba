"""The same seed, machine and threads: the same numbers, to the last byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import headstart


@pytest.fixture
def fresh_run(finished: Any, cache: Path, small: dict[str, Any], tmp_path: Path) -> Any:
    """``fresh_run(name, seed=…)``: a run of a cache of its own, with no features in it."""

    def run(name: str, *, seed: int = 0) -> Path:
        own = tmp_path / f"cache-{name}"
        shutil.copytree(cache, own)
        config = {**small, "seed": seed}
        return headstart.train(
            finished.photos, config=config, out=tmp_path / name, cache=own
        ).folder

    return run


def scores(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    del metrics["timings_s"]
    return metrics


def test_the_same_seed_gives_the_same_run(finished: Any, fresh_run: Any) -> None:
    again = fresh_run("again")
    assert scores(again) == scores(finished.folder)
    same = [
        "bundle/graph.onnx",
        "bundle/weights.safetensors",
        "config.yaml",
        "confusion.csv",
        "history.csv",
        "per_class.csv",
        "predictions.csv",
        "split.csv",
    ]
    for name in same:
        assert (again / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_another_seed_gives_another_split(finished: Any, fresh_run: Any) -> None:
    other = fresh_run("other", seed=1)
    assert (other / "split.csv").read_text() != (finished.folder / "split.csv").read_text()
