"""Compressed tars, unpacked once into the cache as one plain tar."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Final, TypeAlias, TypeVar

from headstart.errors import DataError
from headstart.files import storage_errors

T = TypeVar("T")
Opener: TypeAlias = Callable[[Path], BufferedIOBase]

_CHUNK_BYTES = 1 << 20
_COMPRESSIONS: Final[dict[bytes, Opener]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_FOREIGN: Final[dict[bytes, str]] = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_DAMAGED = (EOFError, MemoryError, zlib.error, lzma.LZMAError)

MAX_RATIO = 1000
"""An archive that unpacks to more than this many times its size is taken for a bomb …"""
ALWAYS_ALLOWED_BYTES = 4 << 30
"""… unless it is no larger than this …"""
MAX_BYTES = 1 << 40
"""… and this much is never unpacked."""


def compression_of(path: Path) -> Opener | None:
    """Return what opens a compressed file, by its first bytes, or ``None``."""
    return _by_magic(path, _COMPRESSIONS)


def foreign_format(path: Path) -> str | None:
    """Return the name of an archive format that cannot be read here, or ``None``."""
    return _by_magic(path, _FOREIGN)


def unpack(path: Path, *, cache: Path, afresh: bool = False) -> Path:
    """Return the plain tar inside a compressed one, unpacked on the first call.

    Args:
        path: A file compressed with gzip, bzip2 or xz.
        cache: The tar lands in ``archives`` below it, named by the content's digest.
        afresh: Unpack even if the cache has it.

    Raises:
        DataError: It is damaged, holds no tar, or grows beyond all measure.
        StorageError: The cache's disk is full or refuses.
    """
    opener = compression_of(path)
    assert opener is not None, "unpack needs a compressed file"
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    target = cache / "archives" / f"{digest}.tar"
    if afresh or not target.is_file():
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_unpacked(path, opener, target)
    return target


def damaged(location: str | Path, error: BaseException) -> DataError:
    """Return the error that names an archive as damaged, with what was noticed."""
    return DataError(
        f"the archive {location} is damaged or incomplete ({error}): copy or download it again"
    )


def _by_magic(path: Path, known: dict[bytes, T]) -> T | None:
    with path.open("rb") as stream:
        start = stream.read(8)
    return next((value for magic, value in known.items() if start.startswith(magic)), None)


def _write_unpacked(path: Path, opener: Opener, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".unpacking.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as sink, opener(path) as source:
            _copy(path, source, sink)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _copy(path: Path, source: BufferedIOBase, sink: IO[bytes]) -> None:
    left = min(MAX_BYTES, max(ALWAYS_ALLOWED_BYTES, MAX_RATIO * path.stat().st_size))
    first = _read(path, source)
    _check_tar(path, first)
    chunk = first
    while chunk:
        left -= len(chunk)
        if left < 0:
            raise DataError(
                f"the archive {path} unpacks to more than {MAX_RATIO:,} times its size or "
                f"{MAX_BYTES >> 40} TiB and looks like a decompression bomb: "
                "unpack it yourself and point at the folder"
            )
        sink.write(chunk)
        chunk = _read(path, source)


def _read(path: Path, source: BufferedIOBase) -> bytes:
    try:
        return source.read(_CHUNK_BYTES)
    except _DAMAGED as error:
        raise damaged(path, error) from error
    except OSError as error:
        # gzip and bz2 report bad content as an OSError without a number.
        raise (error if error.errno is not None else damaged(path, error)) from error


def _check_tar(path: Path, start: bytes) -> None:
    try:
        tarfile.TarInfo.frombuf(start[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DataError(
            f"{path} is compressed but holds no tar archive: expected a folder of images "
            "packed as .tar.gz, .tar.bz2, .tar.xz, .tar or .zip"
        ) from error
