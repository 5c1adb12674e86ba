"""Archives read in place: no member is ever written to disk under its own name.

Zip files and plain tars are read where they lie. A compressed tar cannot be read
at random, so it is unpacked once, as one plain tar, into the cache (see
:mod:`headstart.data.unpacking`) and that is read in place.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path

from headstart.data.containers import check_size
from headstart.data.unpacking import compression_of, damaged, foreign_format, unpack
from headstart.errors import DataError

_NOT_PLAIN = "archive entry that is no plain file (a link or a device)"
_UNSAFE = "archive entry whose name leads outside"
_UNREADABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Python's readers of archives raise when the bytes are not what the format promises."""
_PIECE_BYTES = 4096
"""Of LZMA, which zipfile unpacks whole, however much a piece comes to: some 30 MB at most."""
_DRIVE = re.compile(r"^[A-Za-z]:")


class ZipContainer:
    """The files of a zip archive, read in place.

    Args:
        path: The archive.

    Raises:
        DataError: It is damaged or truncated.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ignored: Counter[str] = Counter()
        try:
            self._zip = zipfile.ZipFile(path)
        except _UNREADABLE as error:
            raise damaged(path, error) from error
        self._members = self._index()

    @property
    def location(self) -> str:
        """The archive's path."""
        return str(self._path)

    @property
    def ignored(self) -> Mapping[str, int]:
        """Entries that ``names`` leaves out: reason -> how many."""
        return dict(self._ignored)

    def names(self) -> list[str]:
        """Return the name of every plain file inside, sorted by code point."""
        return sorted(self._members)

    def read(self, name: str) -> bytes:
        """Return one file's bytes; safe to call from several threads.

        Raises:
            DataError: It is missing, damaged or encrypted; the reason only.
        """
        member = self._members.get(name)
        if member is None:
            raise DataError("the file is not in the archive")
        check_size(member.file_size)
        try:
            content = self._read(member)
        except _UNREADABLE as error:
            raise DataError(f"the archive's entry cannot be read: {error}") from error
        if len(content) != member.file_size:
            raise DataError("the archive's entry cannot be read: it is not as long as promised")
        return content

    def _read(self, member: zipfile.ZipInfo) -> bytes:
        """Unpack no more than the entry's promised size, whatever is packed into it."""
        if member.compress_type == zipfile.ZIP_BZIP2:
            return self._read_bzip2(member)
        with self._zip.open(member) as stream:
            if member.compress_type != zipfile.ZIP_LZMA:
                return stream.read(member.file_size)
            return b"".join(iter(lambda: stream.read(_PIECE_BYTES), b""))

    def _read_bzip2(self, member: zipfile.ZipInfo) -> bytes:
        """Unpack bzip2, of which 40 bytes may hold 46 MB: zipfile knows no bound for it."""
        check_size(member.compress_size)
        packed = copy(member)
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
        del packed.CRC  # of what is unpacked
        with self._zip.open(packed) as stream:
            content = bz2.BZ2Decompressor().decompress(stream.read(), member.file_size + 1)
        if zlib.crc32(content) != member.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {member.filename!r}")
        return content

    def _index(self) -> dict[str, zipfile.ZipInfo]:
        members = {}
        for member in self._zip.infolist():
            if member.is_dir():
                continue
            name = _safe_name(member.filename.replace("\\", "/"))
            link = (member.external_attr >> 28) == 0o12
            if name is None or link:
                self._ignored[_NOT_PLAIN if link else _UNSAFE] += 1
            else:
                members[name] = member
        return members


class TarContainer:
    """The files of an uncompressed tar archive, read in place by their offsets.

    Args:
        path: The archive.
        location: What the user pointed at, where that is not ``path`` itself.

    Raises:
        DataError: It is damaged or truncated.
    """

    def __init__(self, path: Path, *, location: str | None = None) -> None:
        self._path = path
        self._location = str(path) if location is None else location
        self._ignored: Counter[str] = Counter()
        try:
            self._members = self._index()
        except _UNREADABLE as error:
            raise damaged(self._location, error) from error

    @property
    def location(self) -> str:
        """The archive's path, as the user gave it."""
        return self._location

    @property
    def ignored(self) -> Mapping[str, int]:
        """Entries that ``names`` leaves out: reason -> how many."""
        return dict(self._ignored)

    def names(self) -> list[str]:
        """Return the name of every plain file inside, sorted by code point."""
        return sorted(self._members)

    def read(self, name: str) -> bytes:
        """Return one file's bytes; safe to call from several threads and after a fork.

        Raises:
            DataError: It is missing or cannot be read; the reason only.
        """
        if name not in self._members:
            raise DataError("the file is not in the archive")
        offset, size = self._members[name]
        check_size(size)
        try:
            with self._path.open("rb", buffering=0) as stream:
                stream.seek(offset)
                content = stream.read(size)
        except OSError as error:
            raise DataError(f"the archive cannot be read: {error.strerror}") from error
        if len(content) != size:
            raise DataError("the archive ends before this entry does")
        return content

    def _index(self) -> dict[str, tuple[int, int]]:
        places = {}
        for member in _tar_members(self._path):
            name = _safe_name(member.name)
            plain = member.isreg() and not member.issparse() and member.size >= 0
            if plain and name is not None:
                places[name] = (member.offset_data, member.size)
            elif not member.isdir():
                self._ignored[_UNSAFE if plain else _NOT_PLAIN] += 1
        return places


def open_archive(path: Path, *, cache: Path) -> ZipContainer | TarContainer | None:
    """Open an archive, recognised by its content and not by its name.

    Args:
        path: A file.
        cache: Folder that keeps the plain form of a compressed tar.

    Returns:
        The archive, or ``None`` if the file is no archive.

    Raises:
        DataError: It is damaged, truncated, or of a kind that cannot be read.
        StorageError: The cache's disk is full or refuses.
    """
    foreign = foreign_format(path)
    if foreign is not None:
        raise DataError(f"{path} is a {foreign} archive: pack its files as .zip or .tar instead")
    if compression_of(path) is not None:
        return _open_compressed(path, cache)
    if _is_plain_tar(path):
        return TarContainer(path)
    return ZipContainer(path) if zipfile.is_zipfile(path) else None


def _open_compressed(path: Path, cache: Path) -> TarContainer:
    plain = unpack(path, cache=cache)
    try:
        return TarContainer(plain, location=str(path))
    except DataError:
        # Either the archive is at fault, or the copy in the cache: a fresh one tells.
        return TarContainer(unpack(path, cache=cache, afresh=True), location=str(path))


def _is_plain_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:"):
            return path.stat().st_size > 0
    except OSError:
        raise
    except _UNREADABLE:
        return False


def _tar_members(path: Path) -> Iterator[tarfile.TarInfo]:
    with path.open("rb") as stream:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            before = -1
            while (member := tar.next()) is not None:
                if tar.offset <= before:  # a size below zero: it would be read for ever
                    raise tarfile.ReadError(f"the entry at byte {member.offset:,} has no end")
                before = tar.offset
                yield member
                tar.members = []  # type: ignore[attr-defined]  # else all stay in memory
            end = tar.offset
        stream.seek(end)
        # tarfile takes a damaged header for the end; a real end is a block of zeros.
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"no valid entry and no end mark at byte {end:,}")


def _safe_name(name: str) -> str | None:
    """Return a member's name without leading ``./``, or nothing if it leads outside.

    >>> _safe_name("./cat/1.jpg"), _safe_name("../1.jpg"), _safe_name("/etc/1.jpg")
    ('cat/1.jpg', None, None)
    """
    if name.startswith("/") or _DRIVE.match(name):
        return None
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return None if ".." in parts or not parts else "/".join(parts)
