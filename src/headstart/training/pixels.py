"""Decoded, resized pixels, kept for all epochs: a photo is decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Pixels
from headstart.errors import DataError
from headstart.files import storage_errors
from headstart.parallel import cpu_count, ordered_map
from headstart.progress import Progress
from headstart.training.sampling import Rows

_IN_MEMORY_BYTES = 1 << 30
_AHEAD = 32


@dataclass(frozen=True)
class PixelTable:
    """Squares by row.

    Attributes:
        pixels: uint8, (N, S, S, 3); in memory, or mapped from a file.
    """

    pixels: Pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, rows: Rows) -> torch.Tensor:
        """Return a copy of some rows, uint8 (len(rows), S, S, 3)."""
        return torch.from_numpy(self.pixels[rows])


def read_pixels(
    manifest: Manifest,
    rows: Sequence[int],
    geometry: Geometry,
    *,
    max_pixels: int,
    folder: Path,
    progress: Progress,
) -> PixelTable:
    """Decode some images into squares.

    Args:
        manifest: The images; those that cannot be decoded were set aside before.
        rows: Which of them.
        geometry: How an image becomes a square.
        max_pixels: Largest image decoded.
        folder: Where a file is put if they are too many for the memory; the caller
            deletes it with what else is in there.
        progress: Who is told.

    Raises:
        DataError: An image can no longer be read.
        StorageError: The file cannot be written.
    """
    shape = (len(rows), geometry.size_px, geometry.size_px, 3)
    pixels = _room(shape, folder)

    def load(row: int) -> Pixels:
        path = manifest.paths[row]
        try:
            return load_pixels(manifest.container.read(path), geometry, max_pixels=max_pixels)
        except DataError as error:
            raise DataError(f"{path} can no longer be read: {error}") from error

    threads = cpu_count()
    squares = ordered_map(load, rows, threads=threads, lookahead=_AHEAD + threads)
    shown = progress.track(squares, total=len(rows), task="decoding", unit="images")
    for index, square in enumerate(shown):
        pixels[index] = square
    return PixelTable(pixels)


def _room(shape: tuple[int, int, int, int], folder: Path) -> Pixels:
    if int(np.prod(shape)) <= _IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    path = folder / f"pixels-{shape[0]}x{shape[1]}.u8"
    with storage_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        return np.memmap(path, np.uint8, "w+", shape=shape)
