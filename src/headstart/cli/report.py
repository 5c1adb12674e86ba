"""``headstart report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress


def run(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Finished run, or evaluation.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Page to write, or its folder. [the run's folder]"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Where the images are now. [where the run found them]"),
    ] = None,
    maps: Annotated[
        int | None,
        typer.Option("--maps", min=0, help="Errors with activation maps. [those of two seconds]"),
    ] = None,
    cache: typed.ArchiveCache = None,
) -> None:
    """Make a run's page again from its files, and the same tables as Markdown.

    headstart report runs/waste

    headstart report runs/waste --out shown/waste.html --maps 24
    """
    from headstart.workflows.report import report

    progress = TerminalProgress()
    page = report(folder, out=out, data=data, maps=maps, cache=cache, progress=progress)
    typer.echo(page)
    typer.echo(page.with_suffix(".md"))
