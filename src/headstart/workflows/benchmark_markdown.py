"""A benchmark's leaderboards as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from headstart.evaluation.intervals import Estimate
from headstart.evaluation.leaderboard import Entry, Leaderboard, by_strategy, strategies_of
from headstart.workflows.benchmark_result import BenchmarkResult


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
