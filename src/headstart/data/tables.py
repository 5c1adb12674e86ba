"""Tables of images: CSV, TSV, Parquet or JSON lines, with a path column and more."""

from __future__ import annotations

import io
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from headstart.data.manifest import Container, Manifest, Split
from headstart.errors import DataError, close_names, listed

if TYPE_CHECKING:
    import polars as pl

TABLE_SUFFIXES = frozenset({"csv", "tsv", "parquet", "jsonl"})
MOST_ROWS: Final = 20_000_000
"""A few bytes of Parquet can promise billions."""
SPLIT_WORDS: Final[dict[str, Split]] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
_PATH = ("image_path", "path", "image", "file_name", "filename", "filepath")
_LABEL = ("label", "class", "category")

Cells: TypeAlias = list[str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table that matter here, as text without surrounding blanks.

    Attributes:
        name: What to call the table in messages.
        columns: Every column found, by its lower-case name.
        frame: The data.
    """

    name: str
    columns: dict[str, str]
    frame: pl.DataFrame

    def column(self, *names: str) -> Cells | None:
        """Return the first of these columns that exists, blanks as ``None``."""
        found = next((self.columns[name] for name in names if name in self.columns), None)
        return None if found is None else _texts(self.name, self.frame, found)

    def required(self, *names: str) -> Cells:
        """Return the first of these columns that exists.

        Raises:
            DataError: None does; says which were found.
        """
        cells = self.column(*names)
        if cells is None:
            raise DataError(_no_column(self, names))
        return cells


def is_table(name: str) -> bool:
    """Say whether a file is a table by its extension, in any case."""
    return name.rpartition(".")[2].lower() in TABLE_SUFFIXES


def load_table(content: bytes, *, name: str) -> Table:
    """Parse a table.

    Args:
        content: The file's bytes.
        name: Its name, for messages; the extension says the format.

    Raises:
        DataError: It cannot be parsed or holds no rows.
    """
    import polars as pl

    try:
        frame = _parse(content, name.rpartition(".")[2].lower())
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        UnicodeError,
        ValueError,
    ) as error:
        raise DataError(f"the table {name} cannot be read: {error}") from error
    if frame.height > MOST_ROWS:
        raise DataError(f"the table {name} holds more than the {MOST_ROWS:,} rows read at most")
    if frame.height == 0:
        raise DataError(f"the table {name} holds no rows: expected one row per image")
    return Table(name, {column.strip().lower(): column for column in frame.columns}, frame)


def has_label(table: Table) -> bool:
    """Say whether the table has both a path and a label column."""
    return all(any(name in table.columns for name in names) for names in (_PATH, _LABEL))


def table_paths(table: Table, *, prefix: str = "") -> list[str]:
    """Return the path of every row, tidied, below ``prefix`` unless absolute.

    Raises:
        DataError: There is no path column, or a blank in it.
    """
    cells = table.required(*_PATH)
    _refuse_blanks(table, "path", cells)
    return [_joined(prefix, cell) for cell in cells if cell is not None]


def labelled_manifest(
    table: Table,
    container: Container,
    *,
    missing: Callable[[Sequence[str]], list[str]],
    prefix: str = "",
) -> Manifest:
    """Return the images of a table with labels and, where it has them, splits and groups.

    Args:
        table: As :func:`load_table` returns it.
        container: Where the paths lead.
        missing: Tells which of many paths lead nowhere.
        prefix: Folder inside the container that paths are relative to, ending in ``/``.

    Raises:
        DataError: A column, a file or a label is missing, or a split is unknown.
    """
    paths = table_paths(table, prefix=prefix)
    labels = table.required(*_LABEL)
    _refuse_blanks(table, "label", labels)
    splits = _splits(table, len(paths))
    groups = table.column("group") or [None] * len(paths)
    _refuse_missing(table, missing(paths), len(paths))
    return Manifest(container, tuple(paths), tuple(labels), splits, tuple(groups))


def _parse(content: bytes, suffix: str) -> pl.DataFrame:
    import polars as pl

    source = io.BytesIO(content)
    if suffix == "parquet":
        return pl.read_parquet(source, n_rows=MOST_ROWS + 1)
    if suffix == "jsonl":
        return pl.read_ndjson(source, infer_schema_length=None)
    separator = "\t" if suffix == "tsv" else _separator(content)
    return pl.read_csv(source, separator=separator, infer_schema=False)


def _separator(content: bytes) -> str:
    header = content.partition(b"\n")[0]
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def _texts(name: str, frame: pl.DataFrame, column: str) -> Cells:
    import polars as pl

    series = frame.get_column(column)
    if series.dtype.is_nested() or series.dtype == pl.Binary:
        raise DataError(
            f"column {column!r} of {name} holds {series.dtype}: expected text or numbers"
        )
    text = series.cast(pl.String).str.strip_chars()
    return text.set(text == "", None).to_list()


def _no_column(table: Table, names: Sequence[str]) -> str:
    close = {match for name in names for match in close_names(name, table.columns.values())}
    hint = f"; did you mean {listed(sorted(close))} to be one of them?" if close else ""
    return (
        f"the table {table.name} has no column {' | '.join(names)}: "
        f"it has {listed(table.columns.values())}{hint}"
    )


def _joined(prefix: str, path: str) -> str:
    return path if posixpath.isabs(path) else posixpath.normpath(prefix + path)


def _refuse_blanks(table: Table, what: str, cells: Iterable[str | None]) -> None:
    rows = [number for number, cell in enumerate(cells, 1) if cell is None]
    if rows:
        raise DataError(
            f"the table {table.name} has {_counted(len(rows), 'row')} without a {what} "
            f"(row {listed(rows)}; row 1 is the first below the header): fill or remove them"
        )


def _splits(table: Table, count: int) -> tuple[Split | None, ...]:
    cells = table.column("split") or [None] * count
    words = [None if cell is None else cell.lower() for cell in cells]
    unknown = Counter(
        cell for cell, word in zip(cells, words, strict=True) if word and word not in SPLIT_WORDS
    )
    if unknown:
        found = listed(f"{word!r} ({times} x)" for word, times in unknown.most_common())
        raise DataError(
            f"the split column of {table.name} holds {found}: "
            f"expected {', '.join(SPLIT_WORDS)} or nothing"
        )
    return tuple(None if word is None else SPLIT_WORDS[word] for word in words)


def _refuse_missing(table: Table, missing: Sequence[str], count: int) -> None:
    if missing:
        raise DataError(
            f"{len(missing):,} of the {_counted(count, 'file')} that {table.name} lists do not "
            f"exist: {listed(missing)}. Relative paths start at the table's own folder; "
            "mend the paths, or remove the rows"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
