"""A finished run, shared: to look at, never to write to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from headstart.backbones.graph import BackboneGraph
from headstart.config import TrainConfig, build_config
from headstart.workflows.train import TrainResult, train


class Finished(NamedTuple):
    """A run on 3 x 12 photos."""

    photos: Path
    cache: Path
    result: TrainResult


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    """Settings that fit the shared graph, and cost little."""
    return build_config({"data": {"image_size_px": 96}, "judgement": {"resamples": 100}})


@pytest.fixture
def cache(own_cache: Path, lite0_graph: BackboneGraph) -> Path:
    """This test's cache folder, with the shared graph and no features."""
    return _with_graph(own_cache, lite0_graph)


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    image_folder: Callable[..., Path],
    lite0_graph: BackboneGraph,
    config: TrainConfig,
) -> Finished:
    """A run and its warm cache."""
    root = tmp_path_factory.mktemp("finished")
    photos = image_folder(root / "photos", "cat", "dog", "eel", per_class=12)
    cache = _with_graph(root / "cache", lite0_graph)
    return Finished(photos, cache, train(photos, config=config, out=root / "run", cache=cache))


def _with_graph(cache: Path, graph: BackboneGraph) -> Path:
    graphs = graph.path.parent.parent
    shutil.copytree(graphs, cache / graphs.name, dirs_exist_ok=True)
    return cache
