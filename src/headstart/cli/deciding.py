"""Options of what predicts: another decision than the bundle's."""

from __future__ import annotations

from typing import Any, Final

import typer

PRIORS: Final[Any] = typer.Option(
    "--priors",
    help="Shares of the classes among these images: a=0.7,b=0.3, equal, a file, training, or "
    "estimate: from the images. [as the bundle says]",
    show_default=False,
)
COSTS: Final[Any] = typer.Option(
    "--costs",
    help="What mistakes cost: a=5,b=1 by true class, or a file of those or of a matrix.",
    show_default=False,
)
ANSWER_ALL: Final[Any] = typer.Option(
    "--answer-all", help="Leave the bundle's threshold out: no answer is 'unknown'."
)
