"""From images to features: decode, compute and keep, all three at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.backbones.graph import BackboneGraph
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Rejected
from headstart.engines.base import Engine
from headstart.engines.pipeline import ImagePipeline
from headstart.features.store import FeatureStore
from headstart.progress import Progress

_COMMIT_ROWS = 1024
_COMMIT_NUMBERS = 1 << 24


@dataclass(frozen=True)
class Extraction:
    """What one pass found.

    Attributes:
        computed: Forward passes made; the others were in the store.
        rejected: Position in the manifest -> the file that could not be decoded.
    """

    computed: int
    rejected: dict[int, Rejected]


def space_key(graph: BackboneGraph, geometry: Geometry, engine_name: str, precision: str) -> str:
    """Return the name of a feature space: all, besides the image, that decides a vector.

    Args:
        graph: The exported backbone; its fingerprint covers network, weights and taps.
        geometry: How images become squares.
        engine_name: What computes.
        precision: Its arithmetic.
    """
    parts = (graph.fingerprint, geometry.model_dump_json(), engine_name, precision)
    return hashlib.blake2b(repr(parts).encode(), digest_size=10).hexdigest()


def extract(
    manifest: Manifest,
    digests: Sequence[str],
    *,
    store: FeatureStore,
    engine: Callable[[], Engine],
    geometry: Geometry,
    max_pixels: int,
    progress: Progress,
) -> Extraction:
    """Compute the features of every image that the store lacks.

    A few batches are in flight at most, and vectors are kept every thousand images:
    memory does not grow with their number. An interrupted pass keeps what it has.

    Args:
        manifest: The images.
        digests: Content digest of each row.
        store: Where vectors go.
        engine: Builds the engine; called only if there is something to compute.
        geometry: How images become squares.
        max_pixels: Largest image decoded.
        progress: Who is told.
    """
    todo = store.missing(digests)
    if not todo:
        return Extraction(0, {})
    keeper = _Keeper(store, digests)
    pipeline = ImagePipeline(engine(), geometry=geometry, max_pixels=max_pixels)
    answers = pipeline.run(manifest, todo)
    rejected: dict[int, Rejected] = {}
    try:
        for row, answer in progress.track(answers, total=len(todo), task="features", unit="images"):
            if isinstance(answer, Rejected):
                rejected[row] = answer
            else:
                keeper.add(row, answer)
    finally:
        keeper.flush()
    return Extraction(keeper.kept, rejected)


class _Keeper:
    """Gathers vectors and puts them into the store in large transactions."""

    def __init__(self, store: FeatureStore, digests: Sequence[str]) -> None:
        self.kept = 0
        self._store = store
        self._digests = digests
        self._rows: list[int] = []
        self._vectors: list[npt.NDArray[np.float32]] = []

    def add(self, row: int, vector: npt.NDArray[np.float32]) -> None:
        self._rows.append(row)
        self._vectors.append(vector)
        if len(self._rows) == _COMMIT_ROWS or len(self._rows) * len(vector) > _COMMIT_NUMBERS:
            self.flush()

    def flush(self) -> None:
        if not self._rows:
            return
        self._store.put([self._digests[row] for row in self._rows], np.stack(self._vectors))
        self.kept += len(self._rows)
        self._rows, self._vectors = [], []
