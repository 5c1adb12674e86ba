"""What opening any kind of source shares: the checks, and the words for them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from headstart.data.archives import open_archive
from headstart.data.listing import looks_like_image
from headstart.data.manifest import Container
from headstart.data.tables import Table, load_table
from headstart.errors import DataError, close_names, listed


class ListedContainer(Container, Protocol):
    """A container that also counts what its listing leaves out."""

    @property
    def ignored(self) -> Mapping[str, int]:
        """Entries that ``names`` leaves out: reason -> how many."""
        ...


def archive_at(path: Path, *, cache: Path) -> ListedContainer | None:
    """Open an archive, or return ``None`` for a file that is none.

    Raises:
        DataError: The file or the archive cannot be read.
        StorageError: The cache's disk is full or refuses.
    """
    try:
        return open_archive(path, cache=cache)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def required_archive(path: Path, *, cache: Path) -> ListedContainer:
    """Open an archive where nothing else would do.

    Raises:
        DataError: The file is no archive, or cannot be read.
        StorageError: The cache's disk is full or refuses.
    """
    archive = archive_at(path, cache=cache)
    if archive is not None:
        return archive
    what = "one image" if looks_like_image(path.name) else "no folder, archive or table that opens"
    raise DataError(
        f"{path} is {what}: expected a folder, a .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz archive, "
        "or a .csv, .tsv, .parquet or .jsonl table. If it should be an archive, it is damaged "
        "or incomplete: copy it again"
    )


def table_at(path: Path) -> Table:
    """Load a table from a file.

    Raises:
        DataError: It cannot be read or holds no rows.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the table {path} cannot be read: {error.strerror}") from error
    return load_table(content, name=str(path))


def refuse_absent(path: Path) -> None:
    """Refuse a path that does not exist, naming what is close to it.

    Raises:
        DataError: It does not exist, or is neither a file nor a folder.
    """
    if os.path.isfile(path) or os.path.isdir(path):  # noqa: PTH112, PTH113  unlike Path, no raise
        return
    if os.path.exists(path):  # noqa: PTH110
        raise DataError(f"{path} is neither a file nor a folder: a device or a pipe is not read")
    close = close_names(path.name, _siblings(path))
    hint = f"did you mean {listed(path.parent / name for name in close)}?" if close else ""
    mend = hint or "give the path of a folder, an archive or a table"
    raise DataError(f"{path} does not exist: {mend}")


def ignored_text(ignored: Mapping[str, int]) -> str:
    """Say in a phrase what was ignored.

    >>> ignored_text({"empty folder": 2})
    'ignored: 2 x empty folder'
    """
    parts = [f"{count:,} x {reason}" for reason, count in sorted(ignored.items()) if count]
    return "ignored: " + (", ".join(parts) or "nothing")


def _siblings(path: Path) -> Iterator[str]:
    try:
        yield from sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return
