"""Tables that are written piece by piece and can be gone on with: CSV, TSV, JSON Lines, Parquet.

A piece is written at a position and is on the disk when the position behind it is returned.
Whoever writes remembers that position: what lies behind it, torn or whole, is written again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeAlias

from headstart.errors import ConfigError, StorageError
from headstart.files import storage_errors
from headstart.workflows.prediction_rows import Cell, Columns, no_formula, texts

Rows: TypeAlias = Sequence[list[Cell]]
Encoder: TypeAlias = Callable[[Columns, Rows], str]
"""From rows to text; the rows may be none, and then it is what comes before all rows."""

_ROWS_IN_GROUP: Final = 65_536
"""Rows of a Parquet file's row group."""


class RowFile(Protocol):
    """One table in a folder of its own."""

    def append(self, rows: Rows, position: int) -> int:
        """Write rows at a position, 0 at first; return the position behind them."""
        ...

    def reaches(self, position: int) -> bool:
        """Tell whether everything before a position is there."""
        ...

    def finish(self, position: int) -> Path:
        """Return the finished file, of all before a position, to be renamed."""
        ...


class TextRows:
    """Rows of text, appended to one file; a position is its length in bytes.

    Args:
        folder: Where the file lies.
        columns: Of the table.
        encode: From rows to text.
        header: What comes before all rows.
    """

    def __init__(self, folder: Path, columns: Columns, encode: Encoder, header: str) -> None:
        self._path = folder / "rows"
        self._columns = columns
        self._encode = encode
        self._header = header

    def append(self, rows: Rows, position: int) -> int:
        """See :class:`RowFile`."""
        text = ("" if position else self._header) + self._encode(self._columns, rows)
        content = text.encode("utf-8", "backslashreplace")
        with self._path.open("r+b" if position else "wb") as stream:
            stream.seek(position)
            stream.truncate()
            stream.write(content)
            _sync(stream)
        return position + len(content)

    def reaches(self, position: int) -> bool:
        """See :class:`RowFile`."""
        return not position or (self._path.is_file() and self._path.stat().st_size >= position)

    def finish(self, position: int) -> Path:
        """See :class:`RowFile`."""
        with self._path.open("r+b") as stream:
            stream.truncate(position)
            _sync(stream)
        return self._path


class ParquetRows:
    """Rows as Parquet files, joined in the end, never all in memory; a position is their number.

    Args:
        folder: Where the files lie.
        columns: Of the table.
    """

    def __init__(self, folder: Path, columns: Columns) -> None:
        self._folder = folder
        self._columns = columns

    def append(self, rows: Rows, position: int) -> int:
        """See :class:`RowFile`."""
        import polars as pl

        kinds = {str: pl.String, float: pl.Float32}
        schema = {name: kinds[kind] for name, kind in self._columns.types.items()}
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        content = io.BytesIO()
        frame.write_parquet(content)  # in memory: Polars' errors do not say that a disk is full
        with self._part(position).open("wb") as stream:
            stream.write(content.getbuffer())
            _sync(stream)
        return position + 1

    def reaches(self, position: int) -> bool:
        """See :class:`RowFile`."""
        return all(self._part(number).is_file() for number in range(position))

    def finish(self, position: int) -> Path:
        """See :class:`RowFile`."""
        import polars as pl

        whole = self._folder / "rows"
        parts = [self._part(number) for number in range(position)]
        joined = pl.scan_parquet(parts, glob=False, hive_partitioning=False)
        try:
            joined.sink_parquet(whole, row_group_size=_ROWS_IN_GROUP)
        except OSError as error:
            if error.errno is not None:
                raise
            raise StorageError(f"{whole} cannot be written: {error}") from error
        with whole.open("r+b") as stream:
            _sync(stream)
        return whole

    def _part(self, number: int) -> Path:
        return self._folder / f"part-{number:08d}"


def format_of(out: Path) -> str:
    """Return the format that a file's ending asks for: a key of ``FORMATS``.

    Raises:
        ConfigError: It asks for none, or is a folder.
    """
    if os.path.isdir(out):  # noqa: PTH112  unlike Path, says no where it may not look
        raise ConfigError(f"{out} is a folder: name a file, such as {out / 'predictions.csv'}")
    ending = out.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise ConfigError(f"{out} does not say its format: expected a name that ends in {known}")
    return ending


def open_row_file(ending: str, folder: Path, columns: Columns) -> RowFile:
    """Return the table of a format, to be written in a folder."""
    encoder = FORMATS[ending]
    if encoder is None:
        return ParquetRows(folder, columns)
    return TextRows(folder, columns, encoder, header_of(ending, columns))


def write_rows(out: Path, columns: Columns, rows: Iterable[list[Cell]]) -> None:
    """Write a table whole, in the format that its ending asks for.

    Raises:
        ConfigError: It asks for none.
        StorageError: The disk is full or refuses; nothing is left behind.
    """
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
            table = open_row_file(format_of(out), Path(scratch), columns)
            table.finish(table.append(list(rows), 0)).replace(out)


def header_of(ending: str, columns: Columns) -> str:
    """Return what comes before all rows of a format of text."""
    if ending in _SEPARATORS:
        return _separated([columns.names], _SEPARATORS[ending])
    return ""


def separated_rows(columns: Columns, rows: Rows, *, separator: str = ",") -> str:
    """Return rows as CSV, a file a line, quoted only where it must be."""
    del columns
    lines = [texts(row) for row in rows]
    for line in lines:
        line[0] = no_formula(line[0])
    return _separated(lines, separator)


def _separated(lines: Sequence[Sequence[str]], separator: str) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n", delimiter=separator).writerows(lines)
    return buffer.getvalue()


def _json_lines(columns: Columns, rows: Rows) -> str:
    names = columns.names
    return "".join(
        json.dumps(dict(zip(names, map(_rounded, row), strict=True)), ensure_ascii=False) + "\n"
        for row in rows
    )


def _rounded(cell: Cell) -> Cell:
    return round(cell, 6) if isinstance(cell, float) else cell


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


_SEPARATORS: Final = {"csv": ",", "tsv": "\t"}
FORMATS: Final[dict[str, Encoder | None]] = {
    "csv": separated_rows,
    "tsv": partial(separated_rows, separator="\t"),
    "jsonl": _json_lines,
    "ndjson": _json_lines,
    "parquet": None,
}
"""Ending of a file's name -> what makes text of rows; ``None``: no text."""
