"""``headstart predict``."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated, get_args

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.deciding import ANSWER_ALL, COSTS, PRIORS
from headstart.config.schema import Precision
from headstart.errors import ConfigError, UnknownNameError
from headstart.files import storage_errors
from headstart.serving.predictor import load
from headstart.workflows.deciding import DecisionChanges
from headstart.workflows.predict import columns_of, stream_predictions
from headstart.workflows.predict_batch import BatchResult, predict_batch
from headstart.workflows.prediction_rows import texts
from headstart.workflows.row_files import header_of, separated_rows

_STANDARD_OUTPUT = "-"


def run(
    bundle: typed.Bundle,
    images: Annotated[
        list[str], typer.Argument(help="Images, folders, archives or tables, mixed as you like.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="Table to write: .csv, .tsv, .jsonl or .parquet; - for CSV on standard output. "
            "[print a line an image]",
        ),
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", help="Classes named for each image.")] = 1,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column prob_<class> for every class.")
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart/--resume",
            help="Drop the rows that a stopped prediction left in OUT.partial, or go on behind "
            "them. [resume]",
            show_default=False,
        ),
    ] = False,
    priors: Annotated[str | None, PRIORS] = None,
    costs: Annotated[str | None, COSTS] = None,
    answer_all: Annotated[bool, ANSWER_ALL] = False,
    precision: Annotated[
        str, typer.Option("--precision", help="Arithmetic: auto, bf16 or f32.")
    ] = "auto",
    cache: typed.ArchiveCache = None,
) -> None:
    """Classify images with a bundle.

    headstart predict runs/waste/bundle new/*.jpg --out predictions.csv --top-k 3

    headstart predict runs/waste/bundle million.zip --out predictions.parquet

    headstart predict runs/waste/bundle bin-of-today/ --priors estimate
    """
    if precision not in get_args(Precision):
        raise UnknownNameError("precision", precision, get_args(Precision))
    predictor = load(bundle, precision=precision)
    progress = TerminalProgress()
    if out is not None and not _is_stream(out):
        result = predict_batch(
            predictor,
            images,
            out=out,
            top_k=top_k,
            probabilities=probabilities,
            priors=priors,
            costs=costs,
            answer_all=answer_all,
            restart=restart,
            cache=cache,
            progress=progress,
        )
        typer.echo(_summary(result))
        return
    if restart:
        raise ConfigError("--restart drops rows of a table: give its file, as in --out table.csv")
    changes = DecisionChanges(priors, costs, answer_all)
    predictor, answers = stream_predictions(
        predictor, images, changes, top_k=top_k, cache=cache, progress=progress
    )
    columns = columns_of(predictor, top_k=top_k, probabilities=probabilities)
    rows = map(columns.cells, answers)
    if out is None:
        _print("\t".join(filter(None, texts(row))) + "\n" for row in rows)
        return
    lines = (separated_rows(columns, [row]) for row in rows)
    _print(chain([header_of("csv", columns)], lines), out)


def _print(lines: Iterable[str], out: str = _STANDARD_OUTPUT) -> None:
    """Write lines as they come; whoever reads them may have enough before the end."""
    try:
        if out == _STANDARD_OUTPUT:
            with storage_errors(Path("standard output")):
                for line in lines:
                    typer.echo(line, nl=False)
            return
        with (
            storage_errors(Path(out)),
            Path(out).open("w", buffering=1, encoding="utf-8") as stream,
        ):
            stream.writelines(lines)  # a device, a pipe: line by line
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end


def _is_stream(out: str) -> bool:
    """Tell whether an output is no file: standard output, a pipe, a device."""
    if out == _STANDARD_OUTPUT:
        return True
    try:
        mode = os.stat(out).st_mode  # noqa: PTH116
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _summary(result: BatchResult) -> str:
    unsure = f", {result.unknown:,} unknown" if result.unknown else ""
    kept = f", {result.kept:,} of them predicted before" if result.kept else ""
    left_out = sum(result.ignored.values())
    ignored = f" ({left_out:,} other files left out)" if left_out else ""
    return (
        f"{result.images:,} images{kept}, {result.errors:,} of them unreadable{unsure}"
        f"{ignored}: {result.out}"
    )
