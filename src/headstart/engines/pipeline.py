"""From stored images to a graph's outputs: decoding on threads beside the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Pixels, Rejected
from headstart.engines.base import Engine, PixelBatch
from headstart.errors import DataError
from headstart.parallel import cpu_count, ordered_map

Answer: TypeAlias = "npt.NDArray[np.float32] | Rejected"
"""A graph's outputs for one image, shape (D,), or why the image has none."""

_Slot: TypeAlias = "tuple[int, Rejected | None]"
_LOOKAHEAD_BATCHES = 4


class ImagePipeline:
    """Runs an engine over images, in order, a bounded number of them in memory.

    Args:
        engine: What computes.
        geometry: How images become squares.
        max_pixels: Largest image decoded.
    """

    def __init__(self, engine: Engine, *, geometry: Geometry, max_pixels: int) -> None:
        self._engine = engine
        self._geometry = geometry
        self._max_pixels = max_pixels

    def run(self, manifest: Manifest, rows: Sequence[int]) -> Iterator[tuple[int, Answer]]:
        """Yield every row with its answer, in the order given.

        A file that cannot be decoded is answered with the reason; it stops nothing.
        """
        in_flight: deque[list[_Slot]] = deque()
        for outputs in self._engine.stream(self._batches(manifest, rows, in_flight)):
            vectors = iter(outputs)
            for row, rejected in in_flight.popleft():
                yield row, next(vectors) if rejected is None else rejected
        for slots in in_flight:
            yield from ((row, rejected) for row, rejected in slots if rejected is not None)

    def _batches(
        self, manifest: Manifest, rows: Sequence[int], in_flight: deque[list[_Slot]]
    ) -> Iterator[PixelBatch]:
        slots: list[_Slot] = []
        pixels: list[Pixels] = []
        for row, loaded in zip(rows, self._decoded(manifest, rows), strict=True):
            if isinstance(loaded, Rejected):
                slots.append((row, loaded))
                continue
            slots.append((row, None))
            pixels.append(loaded)
            if len(pixels) == self._engine.batch_size:
                in_flight.append(slots)
                yield np.stack(pixels)
                slots, pixels = [], []
        in_flight.append(slots)
        if pixels:
            yield np.stack(pixels)

    def _decoded(self, manifest: Manifest, rows: Iterable[int]) -> Iterator[Pixels | Rejected]:
        def load(row: int) -> Pixels | Rejected:
            path = manifest.paths[row]
            try:
                data = manifest.container.read(path)
                return load_pixels(data, self._geometry, max_pixels=self._max_pixels)
            except DataError as error:
                return Rejected(path, str(error))

        threads = cpu_count()
        lookahead = _LOOKAHEAD_BATCHES * self._engine.batch_size + threads
        return ordered_map(load, rows, threads=threads, lookahead=lookahead)
