"""Pictures whose evidence lies at a known place, and a bundle that tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones.graph import BackboneGraph
from headstart.config import HeadConfig
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.features.table import ArrayFeatures
from headstart.heads.fitting import fit_head
from headstart.heads.probe import ProbeTask
from headstart.progress import Silent

Pixels = np.ndarray
SIDE = 96
COLOURS = {"blue": (30, 60, 220), "green": (30, 190, 60), "red": (220, 40, 40)}


def disc(seed: int, colour: str) -> tuple[Pixels, np.ndarray]:
    """Noise with one coloured disc, and where the disc is."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(60, 200, (SIDE, SIDE, 1)) + rng.integers(-20, 20, (SIDE, SIDE, 3))
    row, column = rng.integers(20, SIDE - 20, 2)
    down, across = np.mgrid[:SIDE, :SIDE]
    inside = (down - row) ** 2 + (across - column) ** 2 < 14**2
    return np.where(inside[..., None], COLOURS[colour], noise).astype(np.uint8), inside


@pytest.fixture(scope="session")
def discs() -> list[tuple[Pixels, np.ndarray, str]]:
    """Pictures, masks and colours that no head was fitted to."""
    return [(*disc(1000 + n, colour), colour) for n, colour in enumerate([*COLOURS] * 3)]


@pytest.fixture(scope="session")
def disc_bundle(
    tmp_path_factory: pytest.TempPathFactory, lite0_graph: BackboneGraph, write_bundle
) -> Callable[..., Path]:
    """``disc_bundle("linear", taps="final")``: a bundle that names the disc's colour."""
    names = list(COLOURS)
    pictures = np.stack([disc(n, names[n % 3])[0] for n in range(60)])
    engine = OpenVinoEngine(lite0_graph.path, precision="f32", threads=1)
    batches = (pictures[start : start + 8] for start in range(0, 60, 8))
    table = ArrayFeatures(np.concatenate(list(engine.stream(batches))).astype(np.float16))
    task = ProbeTask(table, lite0_graph.layout, np.arange(60) % 3, range(60), tuple(names))

    def write(head: str, **options: object) -> Path:
        config = HeadConfig(name=head, **options)
        found = fit_head(task, config, seed=0, progress=Silent())
        folder = tmp_path_factory.mktemp("discs") / "bundle"
        write_bundle(folder, found.head)
        return folder

    return write
