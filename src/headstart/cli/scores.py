"""A judgement in a few lines of text."""

from __future__ import annotations

from typing import Final

import typer

from headstart.evaluation import Judgement

_SHOWN: Final = ("accuracy", "f1_macro", "f1_weighted", "balanced_accuracy", "nll", "brier", "ece")


def print_scores(judgement: Judgement, *, of: str) -> None:
    """Print every figure with its interval, and how many images are behind it."""
    typer.echo(f"{judgement.n:,} {of}, value [95 % interval]:")
    for name in _SHOWN:
        typer.echo(f"  {name:<18}{judgement.metrics[name]}")
