"""Writing files whole: a reader sees the old content or the new, never half of one."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from headstart.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full or refusing disk into a :class:`StorageError` that names the mend.

    Args:
        path: What was being written, for the message.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"the disk that holds {path} is full: free some space, "
                "or choose another place with --out or --cache"
            ) from error
        if error.errno in _REFUSED:
            raise StorageError(
                f"{path} cannot be written ({error.strerror}): "
                "choose another place with --out or --cache"
            ) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: temporary neighbour, fsync, rename.

    Args:
        path: Destination; missing parent folders are made.
        content: Everything the file will hold.

    Raises:
        StorageError: The disk is full or refuses; nothing is left behind.
    """
    with open_whole(path) as stream:
        stream.write(content)


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written whole: it is there once the block ends without an error.

    For what is too large for the memory. See :func:`write_bytes`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file whole. See :func:`write_bytes`."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: object) -> None:
    """Write indented JSON whole, with keys in the order given."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table whole, quoted only where it must be."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
