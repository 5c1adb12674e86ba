"""Progress on a terminal: a bar, a rate and the time left; silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import typer

T = TypeVar("T")


class TerminalProgress:
    """A :class:`headstart.progress.Progress` that draws on standard error."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        """Yield the items behind a bar, if somebody looks."""
        if not self._visible:
            yield from items
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:>20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            number = bar.add_task(task, total=total, rate="")
            for item in items:
                yield item
                bar.advance(number)
                speed = bar.tasks[0].speed
                bar.update(number, rate=f"{speed:,.0f} {unit}/s" if speed else "")

    def wait(self, task: str) -> AbstractContextManager[object]:
        """Spin beside the task's name, if somebody looks."""
        if not self._visible:
            return nullcontext()
        from rich.console import Console

        return Console(stderr=True).status(f"{task:>20}")

    def say(self, message: str) -> None:
        """Print a line; these matter in a log too."""
        typer.echo(message, err=True)
