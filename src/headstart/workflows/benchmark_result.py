"""What a benchmark found, as values, JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from headstart.evaluation.intervals import Estimate
from headstart.evaluation.leaderboard import (
    Entry,
    Leaderboard,
    by_strategy,
    strategies_of,
)

SCHEMA: Final = 1
Table = tuple[list[str], list[list[object]]]
"""A header, and rows."""


@dataclass(frozen=True)
class BenchmarkResult:
    """Leaderboards, one for each data set.

    Attributes:
        boards: In the order of the data sets.
        folder: Where the runs and tables are.
        seconds: How long this call took; runs that were there already cost it nothing.
        notes: What is worth knowing of the whole.
    """

    boards: tuple[Leaderboard, ...]
    folder: Path
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def page(self) -> Path:
        """The page to look at."""
        return self.folder / "leaderboard.html"

    @property
    def is_complete(self) -> bool:
        """Whether every run that was asked for is there."""
        return not any(board.failed or board.reason for board in self.boards)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "schema": SCHEMA,
            "seconds": self.seconds,
            "notes": list(self.notes),
            "data": [_board_json(board) for board in self.boards],
        }

    def table(self) -> Table:
        """Return every run as a row, the failed ones at the end of each data set."""
        rows = [row for board in self.boards for row in _rows(board)]
        header = list(dict.fromkeys(key for row in rows for key in row))
        return header, [[row.get(key, "") for key in header] for row in rows]

    def strategy_table(self) -> Table:
        """Return data set x network x head, with accuracy and seconds by strategy."""
        strategies = strategies_of(self.boards)
        header = ["data", "model", "head", "input_px"]
        header += [f"{name}_{what}" for name in strategies for what in ("accuracy", "seconds")]
        rows: list[list[object]] = []
        for row in by_strategy(self.boards):
            cells: list[object] = [row.data, row.model, row.head, row.input_px]
            for name in strategies:
                it = row.entries.get(name)
                cells += ["", ""] if it is None else [it.accuracy.value, round(it.seconds, 1)]
            rows.append(cells)
        return header, rows


def _board_json(board: Leaderboard) -> dict[str, Any]:
    return {
        "data": board.data,
        "source": board.source,
        "test_images": board.test_images,
        "headline": board.headline,
        "advice": board.advice,
        "choice": None if board.choice is None else asdict(board.choice),
        "pareto_front": [it.name for it in board.entries if it.name in board.front],
        "notes": list(board.notes),
        "stopped": board.reason or None,
        "runs": [asdict(it) for it in board.entries],
        "failed": [asdict(it) for it in board.failed],
    }


def _rows(board: Leaderboard) -> Iterator[dict[str, object]]:
    for entry in board.entries:
        front = entry.name in board.front
        yield {"data": board.data, "status": "ok", **dict(_cells(entry)), "pareto_front": front}
    for failed in board.failed:
        yield {"data": board.data, "status": "failed", "name": failed.name,
               "model": failed.model, "head": failed.trained, "reason": failed.reason}  # fmt: skip


_FIRST: Final = ("place", "is_tied")


def _cells(entry: Entry) -> Iterator[tuple[str, object]]:
    names = [field.name for field in fields(entry)]
    for name in (*_FIRST, *(name for name in names if name not in _FIRST)):
        value = getattr(entry, name)
        if isinstance(value, Estimate):
            ends = ("", value.value), ("_low", value.low), ("_high", value.high)
            yield from ((f"{name}{end}", f"{number:.6g}") for end, number in ends)
        elif name == "source_px":
            yield from zip(("source_width", "source_height"), value or ("", ""), strict=True)
        elif isinstance(value, float):
            yield name, f"{value:.6g}"
        else:
            yield name, "" if value is None else value
