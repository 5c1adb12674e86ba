"""``headstart ensemble``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.workflows.run_directory import refuse_existing

if TYPE_CHECKING:
    from headstart.workflows.ensemble import EnsembleResult


def run(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Finished runs over the same data.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the ensemble.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="average, weighted, stacked; auto: what held-out answers show to be best.",
        ),
    ] = "auto",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write it even if it does not beat its best member.")
    ] = False,
    views: Annotated[
        str,
        typer.Option(
            "--views", help="Of one run: mirror, flip, zoom:0.75, wide, corners; with commas."
        ),
    ] = "",
    data: Annotated[
        Path | None, typer.Option("--data", help="The images, if they have moved since.")
    ] = None,
) -> None:
    """Join finished runs, or views of one, into one bundle, if that beats the best of them.

    headstart ensemble runs/lite0 runs/lite1 --out runs/both

    headstart ensemble runs/lite0 runs/svm --out runs/both --method stacked --anyway

    headstart ensemble runs/lite0 --views mirror,corners --out runs/views

    The runs' held-out answers choose how they are joined and whether it pays; the locked
    test split is looked at once, if the ensemble is kept. Without a win nothing is written.
    """
    refuse_existing(out)
    from headstart.cli.bars import TerminalProgress
    from headstart.workflows.ensemble import ensemble

    result = ensemble(
        runs,
        out=out,
        method=method,
        anyway=anyway,
        data=data,
        views=[name.strip() for name in views.split(",") if name.strip()],
        progress=TerminalProgress(),
    )
    _print(result)


def _print(result: EnsembleResult) -> None:
    for note in result.notes:
        typer.echo(note)
    for trial in result.trials:
        mark = "*" if trial.method == result.pool.method else " "
        typer.echo(f"{mark} {trial.method:<9} log loss {trial.nll:.4f}")
    shares = zip(result.members, result.pool.weights.tolist(), strict=True)
    typer.echo("weights  " + ", ".join(f"{name} {weight:.2f}" for name, weight in shares))
    verdict = "beats" if result.won else "does not beat"
    typer.echo(f"it {verdict} {result.rival}: {result.contest.figures}")
    if result.folder is None:
        typer.echo("nothing was written; --anyway writes it all the same")
        return
    assert result.test is not None
    assert result.gain is not None
    assert result.bundle is not None
    metrics = result.test.metrics
    typer.echo(f"{result.test.n:,} locked test images")
    for name in ("accuracy", "f1_macro", "nll"):
        typer.echo(f"  {name:<9} {metrics[name]}")
    typer.echo(f"  against {result.best}: {result.gain.difference} (p = {result.gain.p_value:.2g})")
    parity = result.bundle.parity[0]
    typer.echo(
        f"parity   {parity.largest_difference:.4f} at most over {parity.images} images, "
        f"{parity.precision}"
    )
    typer.echo(f"bundle   {result.folder / 'bundle'}")
