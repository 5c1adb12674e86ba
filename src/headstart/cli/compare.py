"""``headstart compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.compare_table import compare_lines
from headstart.files import write_csv, write_json
from headstart.workflows.compare import compare
from headstart.workflows.compare_result import CompareResult
from headstart.workflows.run_directory import refuse_existing


def run(
    runs: Annotated[
        list[str],
        typer.Argument(help="Runs, outputs of 'evaluate --out', or tables of answers."),
    ],
    common: Annotated[
        bool, typer.Option("--common", help="Go on with the images that all share.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="FILE.html, or a folder for all there is."),
    ] = None,
    as_json: typed.Json = None,
    as_csv: Annotated[
        Path | None, typer.Option("--csv", help="CSV file to write: a row a pair.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Where the images are, for the page. [as the runs say]"),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, max=100_000, help="Bootstrap resamples.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    cache: typed.ArchiveCache = None,
) -> None:
    """Say which of several runs is better on the same test images, and how sure that is.

    headstart compare runs/lite0 runs/lite2

    headstart compare runs/* --out compare.html --csv pairs.csv

    Images are told by their content: runs judged on different ones are refused, unless
    --common compares them on those that all share.
    """
    for path in (Path(as_json) if as_json not in (None, "-") else None, as_csv):
        if path is not None:
            refuse_existing(path)
    result = compare(
        runs,
        common=common,
        out=out,
        data=data,
        resamples=resamples,
        seed=seed,
        cache=cache,
        progress=TerminalProgress(),
    )
    if as_csv is not None:
        write_csv(as_csv, *result.table())
    if as_json not in (None, "-"):
        write_json(Path(str(as_json)), result.to_json())
    _show(result, to_terminal=as_json == "-")


def _show(result: CompareResult, *, to_terminal: bool) -> None:
    if to_terminal:
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
        return
    for line in compare_lines(result):
        typer.echo(line)
    if result.page is not None:
        typer.echo(f"page    {result.page}")
