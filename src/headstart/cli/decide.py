"""``headstart decide``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.options import given_settings, setting
from headstart.cli.scores import print_decision
from headstart.workflows.decide import decide
from headstart.workflows.run_directory import refuse_existing


def run(
    place: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run whose bundle is to decide otherwise.")
    ],
    reject: Annotated[str | None, setting("decision.reject", "--reject")] = None,
    assurance: Annotated[str | None, setting("decision.assurance", "--assurance")] = None,
    priors: Annotated[str | None, setting("decision.priors", "--priors")] = None,
    costs: Annotated[str | None, setting("decision.costs", "--costs")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the new bundle. [bundle-decided in the run]"),
    ] = None,
) -> None:
    """Make a bundle that answers 'unknown' where unsure, or goes by other priors or costs.

    headstart decide runs/waste --reject precision=0.98

    headstart decide runs/waste --reject coverage=0.9 --priors glass=0.5,paper=0.3,trash=0.2

    headstart decide runs/waste --costs costs.csv --out deployed

    Nothing is trained: the threshold is chosen on the run's held-out answers, then judged on
    the locked test split. The run's own bundle stays as it is.
    """
    if out is not None:
        refuse_existing(out)
    given = {"reject": reject, "assurance": assurance, "priors": priors, "costs": costs}
    settings = given_settings(given)
    if assurance is not None and assurance.lower() in {"none", "null"}:
        settings["assurance"] = None
    result = decide(place, config=settings, out=out)
    for note in result.decision.notes:
        typer.echo(note)
    print_decision(result.figures, of="locked test images")
    typer.echo(f"bundle  {result.folder}")
