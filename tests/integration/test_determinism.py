"""The same seed, machine and threads: the same numbers, to the last byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import headstart


def scores(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    del metrics["timings_s"]
    return metrics


def test_the_same_seed_gives_the_same_run(
    finished: Any, cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    again = headstart.train(finished.photos, config=small, out=tmp_path / "run").folder
    passes = json.loads((again / "environment.json").read_text())["forward_passes"]
    assert passes == 36  # nothing but the network came from the cache
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


def test_another_seed_gives_another_split(
    finished: Any, warm_cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    config = {**small, "seed": 1}
    other = headstart.train(finished.photos, config=config, out=tmp_path / "run").folder
    assert (other / "split.csv").read_text() != (finished.folder / "split.csv").read_text()
