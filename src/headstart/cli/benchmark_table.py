"""A benchmark in lines of at most 100 characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from headstart.cli.compare_table import cut
from headstart.evaluation import Estimate, verdicts
from headstart.evaluation.leaderboard import (
    Entry,
    Leaderboard,
    by_strategy,
    strategies_of,
)
from headstart.workflows.benchmark_result import BenchmarkResult

WIDTH: Final = 100
_MODEL, _TRAINED = 19, 19
_HEADER: Final = (
    f"   {'model':<{_MODEL}}{'head':<{_TRAINED}}{'px':>4}  {'accuracy, %':<18}"
    f"{'F1 w':>5}{'F1 m':>5}{'val.':>6}{'s':>6}{'M':>6}{'MB':>6}"
)
_LEGEND: Final = (
    "1=: a paired test on the same images cannot tell these apart. [..]: 95 %. F1 weighted, macro; "
    "val.: accuracy on held-out training images, %. s: training alone, features included. "
    "M: million weights. MB: bundle. *: no other run is both quicker and better."
)


def benchmark_lines(result: BenchmarkResult) -> Iterator[str]:
    """Yield what a benchmark found, for the terminal."""
    for board in result.boards:
        yield from _board(board)
        yield ""
    yield from _wrapped(_LEGEND)
    if len(result.boards) > 1 or len(strategies_of(result.boards)) > 1:
        yield ""
        yield from _strategies(result)
    for note in result.notes:
        yield from _wrapped(f"note: {note}")
    yield ""
    yield f"page    {result.page}"
    yield f"time    {result.seconds:.1f} s"


def _board(board: Leaderboard) -> Iterator[str]:
    images = f": {board.test_images:,} test images" if board.entries else ""
    yield cut(f"{board.data}{images}", WIDTH)
    if board.entries:
        yield _HEADER
    front = board.front
    for it in board.entries:
        yield _row(it, is_front=it.name in front)
    for failed in board.failed:
        start = f"-  {cut(failed.model, _MODEL - 1):<{_MODEL}}{cut(failed.trained, _TRAINED - 1)}  "
        yield from _wrapped(f"failed: {failed.reason}", first=start)
    for told in (board.headline, board.advice):
        if told:
            yield from _wrapped(verdicts.sentence(told))
    yield from _wrapped(board.reason)
    for note in board.notes:
        yield from _wrapped(f"note: {note}")


def _row(it: Entry, *, is_front: bool) -> str:
    validation = "-" if it.validation is None else f"{100 * it.validation.value:.1f}"
    millions = "-" if it.parameters is None else f"{it.parameters / 1e6:.1f}"
    size = "-" if it.bundle_bytes is None else f"{it.bundle_bytes / 1e6:.0f}"
    called, trained = cut(it.model, _MODEL - 1), cut(it.trained, _TRAINED - 1)
    return (
        f"{it.rank:<3}{called:<{_MODEL}}{trained:<{_TRAINED}}"
        f"{it.input_px or '-':>4}{'*' if is_front else ' '} {_interval(it.accuracy):<18}"
        f"{100 * it.f1_weighted.value:>5.1f}{100 * it.f1_macro.value:>5.1f}{validation:>6}"
        f"{it.seconds:>6.0f}{millions:>6}{size:>6}"
    )


def _strategies(result: BenchmarkResult) -> Iterator[str]:
    """Yield data set x network, strategy by strategy."""
    names = strategies_of(result.boards)[:_MOST]
    columns = "".join(f"{cut(name, 20):<21}" for name in names)
    yield f"{'data':<12}{'model':<19}{'head':<13}{columns}".rstrip()
    for row in by_strategy(result.boards):
        told = "".join(f"{_cell(row.entries.get(name)):<21}" for name in names)
        called = row.model if row.input_px is None else f"{cut(row.model, 13)} {row.input_px}"
        yield f"{cut(row.data, 11):<12}{cut(called, 18):<19}{cut(row.head, 12):<13}{told}".rstrip()
    yield "accuracy, %, and seconds; (head): the fine-tuned network was no better and is not kept"


_MOST: Final = 2
"""Strategies that a line has room for; the page has all."""


def _cell(it: Entry | None) -> str:
    if it is None:
        return "-"
    kept = "" if it.strategy == "probe" or it.fine_tuned else " (head)"
    return f"{100 * it.accuracy.value:.1f}  {it.seconds:,.0f} s{kept}"


def _interval(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:.1f} [{low:.1f}, {high:.1f}]"


def _wrapped(text: str, *, first: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * min(len(first), 24) or "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
