"""``headstart errors``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.errors_table import error_lines
from headstart.files import write_json
from headstart.workflows.error_analysis import error_analysis
from headstart.workflows.run_directory import refuse_existing


def run(
    place: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run, or an output of 'evaluate --out'.")
    ],
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Classes to leave out, with commas: trash,paper."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the tables; must not exist yet.")
    ] = None,
    as_json: typed.Json = None,
    most: Annotated[int, typer.Option("--top", min=1, help="Lines of each list.")] = 8,
) -> None:
    """Say where a finished run's classifier fails.

    headstart errors runs/waste

    headstart errors runs/waste --without trash --out errors

    Worst classes, most confused pairs, surest mistakes, kinds of images that fare worse, and
    labels that are probably wrong. Nothing is changed: labels are for you to look at.
    """
    if out is not None:
        refuse_existing(out)
    if as_json not in (None, "-"):
        refuse_existing(Path(str(as_json)))
    result = error_analysis(place, without=without or (), out=out)
    if as_json == "-":
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
        return
    if as_json is not None:
        write_json(Path(as_json), result.to_json())
    for line in error_lines(result, most=most):
        typer.echo(line)
    if result.folder is not None:
        typer.echo(f"tables  {result.folder}")
