"""Whole runs on tiny photos: a finished one to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import headstart
from headstart.backbones.graph import BackboneGraph
from headstart.workflows.train import TrainResult


class Finished(NamedTuple):
    """A finished run, shared by many tests: to look at, never to write to."""

    photos: Path
    cache: Path
    result: TrainResult

    @property
    def folder(self) -> Path:
        return self.result.folder


@pytest.fixture
def cache(own_cache: Path, lite0_graph: BackboneGraph) -> Path:
    """This test's cache folder, with the shared graph and no features."""
    return _with_graph(own_cache, lite0_graph)


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """Settings that make a run cheap: the shared graph's size, few resamples."""
    return {"data": {"image_size_px": 96}, "judgement": {"resamples": 100}}


@pytest.fixture(scope="session")
def small_options() -> list[str]:
    """The same on the command line."""
    return ["--image-size", "96", "--set", "judgement.resamples=100"]


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    image_folder: Callable[..., Path],
    lite0_graph: BackboneGraph,
    small: dict[str, Any],
) -> Finished:
    """One run on 3 x 12 photos, with its warm cache."""
    root = tmp_path_factory.mktemp("finished")
    photos = image_folder(root / "photos", "cat", "dog", "eel", per_class=12)
    cache = _with_graph(root / "cache", lite0_graph)
    result = headstart.train(photos, config=small, out=root / "run", cache=cache)
    return Finished(photos, cache, result)


@pytest.fixture
def warm_cache(own_cache: Path, finished: Finished) -> Path:
    """This test's cache folder, with all that the finished run computed."""
    shutil.copytree(finished.cache, own_cache, dirs_exist_ok=True)
    return own_cache


@pytest.fixture
def photos(tmp_path: Path, finished: Finished) -> Path:
    """A copy of the finished run's photos, to change at will."""
    return Path(shutil.copytree(finished.photos, tmp_path / "photos"))


@pytest.fixture
def leftovers(tmp_path: Path) -> Callable[[], list[str]]:
    """Return what unfinished work left in this test's folder: hidden files and folders."""
    return lambda: sorted(
        os.path.relpath(path, tmp_path) for path in tmp_path.rglob(".*") if path.name != ".cache"
    )


def _with_graph(cache: Path, graph: BackboneGraph) -> Path:
    graphs = graph.path.parent.parent
    shutil.copytree(graphs, cache / graphs.name, dirs_exist_ok=True)
    return cache
