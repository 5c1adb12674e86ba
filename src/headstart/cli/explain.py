"""``headstart explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress

if TYPE_CHECKING:
    from headstart.workflows.explain import ExplainedImage


def run(
    bundle: typed.Bundle,
    images: Annotated[
        list[str], typer.Argument(help="Images, folders, archives or tables, mixed as you like.")
    ],
    label: Annotated[
        str | None,
        typer.Option("--class", help="Class to map beside the predicted one. [the runner-up]"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for one PNG an image.")] = Path(
        "explained"
    ),
    cache: typed.ArchiveCache = None,
) -> None:
    """Show where in each image the evidence for its class lies.

    headstart explain runs/waste new/*.jpg --out maps

    headstart explain runs/waste new/bottle.jpg --class glass
    """
    from headstart.workflows.explain import explain

    reason = ""
    for answer in explain(
        bundle, images, label=label, out=out, cache=cache, progress=TerminalProgress()
    ):
        typer.echo(_line(answer))
        reason = answer.explanation.reason if answer.explanation else reason
    if reason:
        typer.echo(f"maps made by covering parts of the image: {reason}", err=True)


def _line(answer: ExplainedImage) -> str:
    if answer.explanation is None:
        return f"{answer.path}\terror\t{answer.error}"
    best = answer.explanation.maps[0]
    return f"{answer.path}\t{best.label}\t{best.probability:.6f}\t{answer.sheet}"
