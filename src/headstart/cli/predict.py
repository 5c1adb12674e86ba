"""``headstart predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.deciding import ANSWER_ALL, COSTS, PRIORS
from headstart.config.schema import Precision
from headstart.errors import UnknownNameError
from headstart.evaluation.decision import UNKNOWN
from headstart.serving.predictor import load
from headstart.workflows.predict import predict, table_rows


def run(
    bundle: typed.Bundle,
    images: Annotated[
        list[str], typer.Argument(help="Images, folders, archives or tables, mixed as you like.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV file to write. [print a table]")
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", help="Classes named for each image.")] = 1,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column prob_<class> for every class.")
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

    headstart predict runs/waste/bundle bin-of-today/ --priors estimate
    """
    if precision not in get_args(Precision):
        raise UnknownNameError("precision", precision, get_args(Precision))
    predictor = load(bundle, precision=precision)
    predictions = predict(
        predictor,
        images,
        out=out,
        top_k=top_k,
        probabilities=probabilities,
        priors=priors,
        costs=costs,
        answer_all=answer_all,
        cache=cache,
        progress=TerminalProgress(),
    )
    bad = sum(prediction.status == "error" for prediction in predictions)
    unsure = sum(prediction.status == UNKNOWN for prediction in predictions)
    if out is not None:
        not_said = f", {unsure:,} unknown" if unsure else ""
        typer.echo(f"{len(predictions):,} images, {bad:,} of them unreadable{not_said}: {out}")
        return
    for row in table_rows(predictions, predictor, top_k=top_k, probabilities=probabilities):
        typer.echo("\t".join(cell for cell in row if cell))
