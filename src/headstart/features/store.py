"""A crash-safe store of feature vectors, shared by every run of one backbone.

One LMDB environment a feature space (graph, geometry, precision), one record an
image: key = digest of the image's content, value = float16 vector + CRC-32.
Several processes may read and write at once.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeGuard

import lmdb
import numpy as np
import numpy.typing as npt

from headstart.errors import StorageError

Features = npt.NDArray[np.float16]

_FIRST_MAP_BYTES = 1 << 28
_READ_ROWS = 4096
_FLOAT16_MAX = float(np.finfo(np.float16).max)
_CRC = struct.Struct("<I")
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)


class FeatureStore:
    """Vectors of one feature space, by content digest.

    Args:
        folder: The environment's folder; made if missing. A damaged one is deleted
            and begun anew: it holds only what can be computed again.
        dim: Length of every vector.

    Raises:
        StorageError: The folder cannot be written.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self.folder = folder
        self.dim = dim
        self.rebuilt = False
        self._environment = self._open_or_rebuild()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the files back; the store cannot be used afterwards."""
        self._environment.close()

    def missing(self, digests: Sequence[str]) -> list[int]:
        """Return the positions whose digest has no sound record, each content once.

        A store that turns out to be damaged is begun anew, so that all are missing.
        """
        try:
            return self._missing(digests)
        except _DAMAGE:
            self._environment.close()
            self._environment = self._rebuild()
            return self._missing(digests)

    def _missing(self, digests: Sequence[str]) -> list[int]:
        first = {digest: position for position, digest in reversed(list(enumerate(digests)))}
        unique = sorted(first, key=first.__getitem__)
        absent: list[int] = []
        for start in range(0, len(unique), _READ_ROWS):
            with self._begin() as transaction:
                absent.extend(
                    first[digest]
                    for digest in unique[start : start + _READ_ROWS]
                    if not self._is_sound(transaction.get(bytes.fromhex(digest)))
                )
            self._reopen()
        return absent

    def put(self, digests: Sequence[str], vectors: npt.NDArray[np.floating]) -> None:
        """Keep some vectors, all or none of them.

        Args:
            digests: Content digest of each image, length N.
            vectors: Shape (N, dim); stored as float16, clipped to its range.

        Raises:
            StorageError: The disk is full, or the store is damaged.
        """
        clipped = np.clip(vectors, -_FLOAT16_MAX, _FLOAT16_MAX).astype(np.float16)
        records = [
            (bytes.fromhex(digest), _pack(vector))
            for digest, vector in zip(digests, clipped, strict=True)
        ]
        with self._damage_errors():
            while not self._try_put(records):
                self._grow()

    def read(
        self, digests: Sequence[str], columns: npt.NDArray[np.int64] | None = None
    ) -> Features:
        """Return the vectors of some images, in the order asked for.

        The environment is mapped anew every few thousand rows, so that pages already
        copied do not count as resident memory.

        Args:
            digests: Content digests, length N.
            columns: Positions wanted; all where not given.

        Returns:
            float16, shape (N, len(columns) or dim).

        Raises:
            KeyError: A digest has no sound record.
            StorageError: The store is damaged.
        """
        width = self.dim if columns is None else len(columns)
        result = np.empty((len(digests), width), dtype=np.float16)
        for start in range(0, len(digests), _READ_ROWS):
            part = digests[start : start + _READ_ROWS]
            for row, vector in enumerate(self._vectors(part), start):
                result[row] = vector if columns is None else vector[columns]
            self._reopen()
        return result

    def _vectors(self, digests: Iterable[str]) -> Iterator[Features]:
        with self._damage_errors(), self._begin() as transaction:
            for digest in digests:
                record = transaction.get(bytes.fromhex(digest))
                if not self._is_sound(record):
                    raise KeyError(digest)
                yield np.frombuffer(record, dtype=np.float16, count=self.dim)

    def _is_sound(self, record: bytes | memoryview | None) -> TypeGuard[bytes | memoryview]:
        if record is None or len(record) != 2 * self.dim + _CRC.size:
            return False
        body, (crc,) = record[: 2 * self.dim], _CRC.unpack(record[2 * self.dim :])
        return bool(zlib.crc32(body) == crc)

    def _try_put(self, records: Iterable[tuple[bytes, bytes]]) -> bool:
        try:
            with self._storage_errors(), self._begin(write=True) as transaction:
                for key, value in records:
                    transaction.put(key, value)
        except lmdb.MapFullError:
            return False
        return True

    def _begin(self, *, write: bool = False) -> lmdb.Transaction:
        """Begin a transaction, following other processes that make the map larger."""
        while True:
            try:
                return self._environment.begin(write=write, buffers=True)
            except lmdb.MapResizedError:
                self._environment.set_mapsize(0)

    def _grow(self) -> None:
        self._environment.set_mapsize(2 * self._environment.info()["map_size"])

    def _reopen(self) -> None:
        self._environment.close()
        self._environment = self._open()

    def _open_or_rebuild(self) -> lmdb.Environment:
        try:
            return self._checked(self._open())
        except (*_DAMAGE, _TruncatedError):
            return self._rebuild()

    def _rebuild(self) -> lmdb.Environment:
        with self._storage_errors():
            shutil.rmtree(self.folder)
        self.rebuilt = True
        return self._open()

    def _open(self) -> lmdb.Environment:
        with self._storage_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            size = self._data_bytes()
            return lmdb.open(
                str(self.folder), map_size=max(_FIRST_MAP_BYTES, 2 * size), readahead=False
            )

    def _checked(self, environment: lmdb.Environment) -> lmdb.Environment:
        pages = environment.info()["last_pgno"] + 1
        if self._data_bytes() < pages * environment.stat()["psize"]:
            environment.close()
            raise _TruncatedError
        return environment

    def _data_bytes(self) -> int:
        data = self.folder / "data.mdb"
        return data.stat().st_size if data.exists() else 0

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        mend = "free some space, or choose another folder with --cache or HEADSTART_CACHE"
        try:
            yield
        except (*_DAMAGE, lmdb.MapFullError, lmdb.MapResizedError):
            raise
        except (lmdb.Error, OSError) as error:  # a full disk may show as any of LMDB's
            raise StorageError(
                f"the feature cache {self.folder} cannot be written: {mend}"
            ) from error

    @contextmanager
    def _damage_errors(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise StorageError(
                f"the feature cache {self.folder} is damaged: run again, and it is begun anew"
            ) from error


class _TruncatedError(Exception):
    """The data file is shorter than its own page count says."""


def _pack(vector: Features) -> bytes:
    body = vector.tobytes()
    return body + _CRC.pack(zlib.crc32(body))
