"""What a benchmark found, as values, JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def markdown(result: BenchmarkResult) -> str:
    """Return the leaderboards as a Markdown page."""
    parts = ["# Leaderboard", ""]
    if len(strategies_of(result.boards)) > 1:
        parts += ["## By strategy", "", *_strategies(result), ""]
    for board in result.boards:
        parts += [f"## {_cell(board.data)}", "", *_board(board), ""]
    parts += [f"- {note}" for note in result.notes]
    return "\n".join(parts).rstrip() + "\n"


_HEADER: Final = (
    "place", "model", "head", "native input", "training input", "source size", "learning rate",
    "epochs", "batch", "accuracy, %", "weighted F1", "macro F1", "validation, %", "seconds",
    "M parameters", "bundle, MB", "reported",
)  # fmt: skip


def _board(board: Leaderboard) -> Iterator[str]:
    if board.entries:
        yield f"{board.test_images:,} test images; value [95 % interval]."
        yield ""
        yield from _markdown_table(_HEADER, [_markdown_row(it) for it in board.entries])
        yield ""
    for sentence in (board.headline, board.advice, board.reason):
        if sentence:
            yield f"- {sentence}."
    for failed in board.failed:
        yield f"- failed: {failed.name}: {failed.reason}"
    for note in board.notes:
        yield f"- {note}."


def _markdown_row(it: Entry) -> list[str]:
    source = "x".join(map(str, it.source_px)) if it.source_px else ""
    validation = "" if it.validation is None else _percent(it.validation)
    millions = "" if it.parameters is None else f"{it.parameters / 1e6:.1f}"
    size = "" if it.bundle_bytes is None else f"{it.bundle_bytes / 1e6:.1f}"
    return [
        it.rank, it.model, it.trained, str(it.native_px or ""), str(it.input_px or ""), source,
        it.learning_rate, it.epochs, it.batch_size, _percent(it.accuracy),
        f"{it.f1_weighted.value:.3f}", f"{it.f1_macro.value:.3f}", validation,
        f"{it.seconds:.0f}", millions, size, it.reported,
    ]  # fmt: skip


def _strategies(result: BenchmarkResult) -> Iterator[str]:
    names = strategies_of(result.boards)
    header = ["data", "model", "head", "px", *names]
    rows = []
    for row in by_strategy(result.boards):
        cells = [row.entries.get(name) for name in names]
        told = [
            "" if it is None else f"{_percent(it.accuracy)}, {it.seconds:.0f} s" for it in cells
        ]
        rows.append([row.data, row.model, row.head, str(row.input_px or ""), *told])
    return _markdown_table(header, rows)


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _percent(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:.1f} [{low:.1f}, {high:.1f}]"
