"""Several runs from the command line: what became of each, in a table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from headstart.cli.bars import TerminalProgress
from headstart.workflows.recipes import PlannedRun

if TYPE_CHECKING:
    from headstart.workflows.grid import GridRow

FAILED: Final = 2
WIDTH: Final = 100
_NAME: Final = 22
_HEADER: Final = (
    f"{'backbone':<{_NAME}}{'test accuracy, 95 %':<22}{'macro F1':>8}{'seconds':>9}{'million':>9}"
    "  source"
)


def train_all(
    data: str,
    runs: Sequence[PlannedRun],
    *,
    out: Path | None,
    cache: Path | None,
    track: str | None = None,
) -> None:
    """Train planned runs, print the table, log them; exit with 2 if one of them failed."""
    from headstart.workflows.grid import run_grid
    from headstart.workflows.mlflow_tracking import log_folders, read_tracker

    tracker = read_tracker(track)
    rows = run_grid(data, runs, out=out, cache=cache, progress=TerminalProgress())
    for line in grid_lines(rows):
        typer.echo(line)
    for words in log_folders(tracker, [row.folder for row in rows]):
        typer.echo(f"note: {words}")
    if any(row.reason for row in rows):
        raise typer.Exit(FAILED)


def grid_lines(rows: Sequence[GridRow]) -> Iterator[str]:
    """Yield what became of several runs, in lines of 100 characters; addresses stay whole."""
    yield _HEADER
    for row in rows:
        yield from _lines(row)
    yield ""
    yield from textwrap.wrap(
        "accuracy and macro F1 are of the test images of this data, seen once; million: "
        "parameters of the network; source: what the recipe's source reports on its own data.",
        WIDTH,
    )
    for row in rows:
        if row.folder is not None:
            yield f"{row.run.backbone:<{_NAME}}{row.folder}"


def _lines(row: GridRow) -> list[str]:
    name = f"{row.run.backbone:<{_NAME - 1}} "
    if row.test is None:
        return _wrapped(name, f"failed: {row.reason}")
    metrics = row.test.metrics
    millions = "" if row.parameters is None else f"{row.parameters / 1e6:.1f}"
    figures = (
        f"{metrics['accuracy']!s:<22}{metrics['f1_macro'].value:>8.3f}{row.seconds:>9.0f}"
        f"{millions:>9}  "
    )
    return _wrapped(name + figures, row.run.result)


def _wrapped(start: str, text: str) -> list[str]:
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [start.rstrip()]
