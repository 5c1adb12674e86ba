"""Decoded, resized pixels, kept for all epochs: a photo is decoded once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
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

    A table too large for the memory is a file, whole under its name: one that an earlier
    attempt of the same run finished is used again, one that a kill cut short is not seen.

    Args:
        manifest: The images; those that cannot be decoded were set aside before.
        rows: Which of them.
        geometry: How an image becomes a square.
        max_pixels: Largest image decoded.
        folder: Of the run: where a file is put if they are too many for the memory. Its
            images never change; the caller deletes it with what else is in there.
        progress: Who is told.

    Raises:
        DataError: An image can no longer be read.
        StorageError: The file cannot be written, or the disk is too small for it.
    """
    shape = (len(rows), geometry.size_px, geometry.size_px, 3)
    squares = _squares(manifest, rows, geometry, max_pixels=max_pixels)
    shown = progress.track(squares, total=len(rows), task="decoding", unit="images")
    if int(np.prod(shape)) <= _IN_MEMORY_BYTES:
        return PixelTable(_fill(np.empty(shape, np.uint8), shown))
    path = folder / f"{_name(manifest, rows, geometry)}.u8"
    if not path.exists():
        _write(path, shape, shown)
    return PixelTable(np.memmap(path, np.uint8, "r", shape=shape))


def _squares(
    manifest: Manifest, rows: Sequence[int], geometry: Geometry, *, max_pixels: int
) -> Iterator[Pixels]:
    def load(row: int) -> Pixels:
        path = manifest.paths[row]
        try:
            return load_pixels(manifest.container.read(path), geometry, max_pixels=max_pixels)
        except DataError as error:
            raise DataError(f"{path} can no longer be read: {error}") from error

    threads = cpu_count()
    yield from ordered_map(load, rows, threads=threads, lookahead=_AHEAD + threads)


def _fill(room: Pixels, squares: Iterable[Pixels]) -> Pixels:
    for index, square in enumerate(squares):
        room[index] = square
    return room


def _name(manifest: Manifest, rows: Sequence[int], geometry: Geometry) -> str:
    paths = [manifest.paths[row] for row in rows]
    known = json.dumps([paths, geometry.model_dump(mode="json")])
    return hashlib.blake2b(known.encode(), digest_size=12).hexdigest()


def _write(path: Path, shape: tuple[int, ...], squares: Iterable[Pixels]) -> None:
    """Fill a file under another name, and rename it when it is whole."""
    partial = path.with_name(f".{path.name}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _reserve(partial, int(np.prod(shape)))
        room = np.memmap(partial, np.uint8, "r+", shape=shape)
    _fill(room, squares)
    with storage_errors(path):
        room.flush()
        partial.replace(path)


def _reserve(path: Path, size: int) -> None:
    """Take the room on the disk first: a mapped file finds out too late that it is full."""
    with path.open("wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:
            stream.truncate(size)
