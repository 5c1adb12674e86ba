"""Feature vectors of some images, read from the store when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from headstart.features.store import Features, FeatureStore

CHUNK_ROWS = 4096
_CHUNK_NUMBERS = 1 << 25
Indices = npt.NDArray[np.int64]


class FeatureTable(Protocol):
    """Rows of float16 features; only what is read takes memory."""

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def read(self, rows: Indices, columns: Indices) -> Features:
        """Return float16, shape (len(rows), len(columns)), rows in the order given."""
        ...


@dataclass(frozen=True)
class StoredFeatures:
    """A :class:`FeatureTable` over a store on disk.

    Attributes:
        folder: The store's folder.
        dim: Length of every vector in it.
        digests: Content digest of each row.
    """

    folder: Path
    dim: int
    digests: Sequence[str]

    def __len__(self) -> int:
        return len(self.digests)

    def read(self, rows: Indices, columns: Indices) -> Features:
        """Read rows from disk. See :class:`FeatureTable`.

        Raises:
            StorageError: The store cannot be read.
        """
        with FeatureStore(self.folder, self.dim) as store:
            return store.read([self.digests[row] for row in rows], columns)


@dataclass(frozen=True)
class ArrayFeatures:
    """A :class:`FeatureTable` over an array in memory, shape (N, D)."""

    array: Features

    def __len__(self) -> int:
        return len(self.array)

    def read(self, rows: Indices, columns: Indices) -> Features:
        """Copy rows and columns out. See :class:`FeatureTable`."""
        return self.array[np.ix_(rows, columns)]


@dataclass(frozen=True)
class TakenFeatures:
    """A :class:`FeatureTable` over some rows of another.

    Attributes:
        table: The other.
        rows: Which rows of it, in order.
    """

    table: FeatureTable
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Indices, columns: Indices) -> Features:
        """Read them from the other. See :class:`FeatureTable`."""
        return self.table.read(self.rows[rows], columns)


def read_chunks(table: FeatureTable, rows: Indices, columns: Indices) -> Iterator[Features]:
    """Yield the features of some rows, a few thousand at a time, in order; fewer if wide."""
    size = min(CHUNK_ROWS, max(64, _CHUNK_NUMBERS // max(1, len(columns))))
    for start in range(0, len(rows), size):
        yield table.read(rows[start : start + size], columns)
