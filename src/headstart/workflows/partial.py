"""What a stopped prediction leaves beside its output, and what it goes on from.

``predictions.csv.partial/`` holds the rows so far and a journal: its first line says which
bundle decides, how, and what is written of each image; every further line how many rows are
safe. A row is tied to its image by path, size and time of change, so what is gone on with
is of the same bundle and the same images, or it is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from headstart.errors import ConfigError
from headstart.evaluation.decision import UNKNOWN
from headstart.files import storage_errors
from headstart.workflows.folder_lock import FolderLock
from headstart.workflows.prediction_rows import STATUS, Columns
from headstart.workflows.row_files import RowFile, Rows, format_of, open_row_file

_JOURNAL: Final = "journal.jsonl"
_OWN: Final = re.compile(rf"{re.escape(_JOURNAL)}|rows|part-\d{{8}}")
_RESTART: Final = "begin anew with --restart, or choose another --out"


@dataclass(frozen=True)
class Written:
    """What is safe on the disk.

    Attributes:
        rows: How many.
        position: Behind them, as the table counts.
        images: Digest over which images they are of.
        errors: How many of them are of bad files.
        unknown: How many say ``unknown``.
    """

    rows: int = 0
    position: int = 0
    images: str = ""
    errors: int = 0
    unknown: int = 0


@dataclass
class Partial:
    """An output under way. Made by :func:`open_partial`."""

    out: Path
    folder: Path
    table: RowFile
    written: Written
    _digest: Any = field(repr=False)

    def append(self, rows: Rows, paths: Sequence[str]) -> None:
        """Add rows; they are safe once this returns. To be repeated if it does not.

        Args:
            rows: Cells.
            paths: Of their images, as they are opened.
        """
        digest = self._digest.copy()
        for path in paths:
            digest.update(_image_line(path))
        statuses = [row[STATUS] for row in rows]
        now = Written(
            rows=self.written.rows + len(rows),
            position=self.table.append(rows, self.written.position),
            images=digest.hexdigest(),
            errors=self.written.errors + statuses.count("error"),
            unknown=self.written.unknown + statuses.count(UNKNOWN),
        )
        _note(self.folder, asdict(now))
        self._digest, self.written = digest, now

    def finish(self) -> None:
        """Put the whole table in its place and leave nothing beside it."""
        self.table.finish(self.written.position).replace(self.out)
        _clear(self.folder)
        self.folder.rmdir()


@contextmanager
def open_partial(
    out: Path,
    facts: Mapping[str, Any],
    columns: Columns,
    *,
    paths: Sequence[str],
    restart: bool = False,
    anew: bool = False,
) -> Iterator[Partial]:
    """Open what is to become a table: empty, or with the rows a stopped prediction left.

    Args:
        out: Where the table will be.
        facts: All that decides what is written of an image.
        columns: Of the table.
        paths: Of all images, in order.
        restart: Whether rows that are there are dropped, whatever they are of.
        anew: Whether rows are dropped that could be gone on with.

    Raises:
        ConfigError: What is there is of another bundle or of other images, is being written
            by another process, or is something else altogether.
        StorageError: The disk is full or refuses.
    """
    folder = out.with_name(f"{out.name}.partial")
    with storage_errors(out):
        _refuse_unfit(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        if not lock.take():
            raise ConfigError(f"another process is writing {out}: wait for it, or end it")
        try:
            yield _opened(out, folder, dict(facts), columns, paths, restart=restart, anew=anew)
        finally:
            lock.release()


def _opened(
    out: Path,
    folder: Path,
    facts: dict[str, Any],
    columns: Columns,
    paths: Sequence[str],
    *,
    restart: bool,
    anew: bool,
) -> Partial:
    table = open_row_file(format_of(out), folder, columns)
    lines = [] if restart else _journal(folder)
    if lines:
        _refuse_other_facts(folder, lines[0], facts)
    notes = () if anew else map(_written, reversed(lines[1:]))
    kept = next((it for it in notes if it.rows and table.reaches(it.position)), Written())
    if not kept.rows:
        _clear(folder)
        _note(folder, facts)
    return Partial(out, folder, table, kept, _checked_digest(folder, paths, kept))


def _written(line: dict[str, Any]) -> Written:
    return Written(**line) if line.keys() == asdict(Written()).keys() else Written()


def _checked_digest(folder: Path, paths: Sequence[str], kept: Written) -> Any:
    digest = hashlib.blake2b(digest_size=16)
    for path in paths[: kept.rows]:
        digest.update(_image_line(path))
    if kept.rows > len(paths) or (kept.rows and digest.hexdigest() != kept.images):
        raise ConfigError(
            f"{folder} holds {kept.rows:,} rows, but among the first {kept.rows:,} images one was "
            f"changed, added or removed since, or others are meant: {_RESTART}"
        )
    return digest


def _refuse_unfit(folder: Path) -> None:
    if not os.path.lexists(folder):
        return
    ours = folder.is_dir() and not folder.is_symlink()
    held = list(folder.iterdir()) if ours else []
    begun = not held or any(path.name == _JOURNAL for path in held)
    if not (ours and begun and all(map(_is_own, held))):
        raise ConfigError(f"{folder} is in the way: move it, or choose another --out")


def _refuse_other_facts(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    if before == now:
        return
    other = [key for key in now if before.get(key) != now[key]] or ["version"]
    raise ConfigError(
        f"{folder} holds rows that were written with another {', '.join(other)}, which are not "
        f"mixed with these: {_RESTART}"
    )


def _journal(folder: Path) -> list[dict[str, Any]]:
    """Return the journal's lines; one that a kill tore is left out."""
    try:
        text = (folder / _JOURNAL).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    lines = [_object(line) for line in text.split("\n") if line]
    return [line for line in lines if line is not None] if lines and lines[0] else []


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _note(folder: Path, line: Mapping[str, Any]) -> None:
    with (folder / _JOURNAL).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{json.dumps(line)}\n")  # the first ends what a kill tore
        stream.flush()
        os.fsync(stream.fileno())


def _is_own(path: Path) -> bool:
    return _OWN.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


def _clear(folder: Path) -> None:
    """Remove the rows, the first before others, so that what a kill leaves is no table."""
    for path in sorted(folder.iterdir(), key=lambda path: (path.name == _JOURNAL, path.name)):
        path.unlink()


def _image_line(path: str) -> bytes:
    return f"{path}\0{_stamp(path)}\n".encode("utf-8", "surrogateescape")


def _stamp(path: str) -> str:
    """Return size and time of change of the file that holds an image: its own or its archive's."""
    place = path
    while place:
        try:
            found = os.stat(place)  # noqa: PTH116  per image, faster than Path
        except NotADirectoryError:
            place = os.path.dirname(place)  # noqa: PTH120
        except (OSError, ValueError):
            return "-"
        else:
            return f"{found.st_size} {found.st_mtime_ns}"
    return "-"
