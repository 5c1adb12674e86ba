"""``headstart evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.deciding import ANSWER_ALL, COSTS, PRIORS
from headstart.cli.errors_table import without_lines
from headstart.cli.scores import print_decision, print_scores
from headstart.data.manifest import SPLITS
from headstart.errors import UnknownNameError
from headstart.workflows.evaluate import EvaluateResult, evaluate
from headstart.workflows.run_directory import refuse_existing


def run(
    bundle: typed.Bundle,
    data: typed.Data,
    split: Annotated[
        str | None, typer.Option("--split", help="Judge only train, val or test. [everything]")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Give figures without classes, too: trash,paper."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the tables; must not exist yet.")
    ] = None,
    allow_bad: Annotated[
        bool, typer.Option("--allow-bad", help="Go on with more than 1 % bad files.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    priors: Annotated[str | None, PRIORS] = None,
    costs: Annotated[str | None, COSTS] = None,
    answer_all: Annotated[bool, ANSWER_ALL] = False,
    cache: typed.ArchiveCache = None,
) -> None:
    """Judge a bundle on labelled images.

    headstart evaluate runs/waste/bundle PHOTOS_LABELLED

    headstart evaluate runs/waste PHOTOS_LABELLED --split test --without trash
    """
    if split is not None and split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    if out is not None:
        refuse_existing(out)
    result = evaluate(
        bundle,
        data,
        split=split,
        without=without or (),
        out=out,
        allow_bad=allow_bad,
        seed=seed,
        priors=priors,
        costs=costs,
        answer_all=answer_all,
        cache=cache,
        progress=TerminalProgress(),
    )
    _show(result)


def _show(result: EvaluateResult) -> None:
    if result.images.get("train"):
        typer.echo("note: images marked 'train' are among these; --split test leaves them out")
    for bad in result.rejected:
        typer.echo(f"unreadable: {bad.path}: {bad.reason}")
    print_scores(result.judgement, of="images")
    for score in result.judgement.per_class:
        typer.echo(
            f"  {score.name:<20.20} recall {score.recall}  precision {score.precision}  "
            f"f1 {score.f1.value:.3f}  of {score.support:,}"
        )
    if result.without is not None:
        for line in without_lines(result.without):
            typer.echo(line)
    print_decision(result.decision, of="images")
    if result.folder is not None:
        typer.echo(f"tables  {result.folder}")
