"""A judgement, and a decision, in a few lines of text."""

from __future__ import annotations

from typing import Final

import typer

from headstart.evaluation import Judgement
from headstart.evaluation.decision_figures import DecisionFigures

_SHOWN: Final = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "balanced_accuracy",
    "nll",
    "brier",
    "ece",
    "aurc",
)


def print_scores(judgement: Judgement, *, of: str) -> None:
    """Print every figure with its interval, and how many images are behind it."""
    typer.echo(f"{judgement.n:,} {of}, value [95 % interval]:")
    for name in _SHOWN:
        typer.echo(f"  {name:<18}{judgement.metrics[name]}")


def print_decision(figures: DecisionFigures | None, *, of: str) -> None:
    """Print how many answers a decision gives, how many of these are right, what they cost."""
    if figures is None:
        return
    found = figures.answers
    unsure = found.n - found.answered
    typer.echo(f"decision: {found.answered:,} of {found.n:,} {of} answered, {unsure:,} unknown")
    typer.echo(f"  {'coverage':<18}{found.coverage}")
    typer.echo(f"  {'precision':<18}{found.precision}")
    if figures.cost and figures.plain_cost:
        typer.echo(f"  {'cost an image':<18}{figures.cost}")
        typer.echo(f"  {'without the costs':<18}{figures.plain_cost}")
