"""``headstart tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_flags, given_settings, merged, setting
from headstart.cli.scores import print_scores
from headstart.config import build_config, read_settings, set_dotted
from headstart.errors import ConfigError

if TYPE_CHECKING:
    from headstart.workflows.tune_result import TuneResult

_WITH_RESUME = ("--resume", "--budget", "--trials")


def run(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(help="Folder, archive or table of labelled images.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="Time that the trials may take: 90s, 30m, 2h.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", help="Most trials. [100; 1000 with --budget]")
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option("--space", help="YAML file of what to search: 'dotted.key: [a, b]'."),
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="Searched for: log-loss, accuracy or f1.")
    ] = "log-loss",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The search's folder; goes on if stopped.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the search below runs/. [DATA-tune]")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with a search that was stopped.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", help="Folds in which heads are judged, the winner's choice too."),
    ] = None,
    ensemble: Annotated[bool, setting("head.ensemble", "--ensemble")] = False,
    backbone: typed.Backbone = None,
    weights: typed.Weights = None,
    offline: typed.Offline = False,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    val: typed.Val = None,
    test: typed.Test = None,
    head: typed.Head = None,
    taps: typed.Taps = None,
    class_weight: typed.ClassWeight = None,
    strategy: Annotated[str | None, setting("training.strategy", "--strategy")] = None,
    augmentation: typed.Augment = None,
    engine: typed.Engine = None,
    precision: typed.Precision = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    config: typed.Config = None,
    assignments: typed.Set = None,
    cache: typed.Cache = None,
) -> None:
    """Search settings, retrain the winner, judge it once.

    headstart tune PHOTOS

    headstart tune PHOTOS --budget 30m --strategy partial --augment light

    headstart tune PHOTOS --head gap-1024 --space space.yaml --metric accuracy

    headstart tune --resume runs/PHOTOS-tune

    Heads are searched on cached features, some hundred trials a minute; with a strategy
    that fine-tunes, its learning rate and the like, trials that fall behind being given
    up. Ctrl-C keeps all trials. The test images are looked at once, at the end.
    """
    _check_resume(context)
    options = given_settings(
        {
            "backbone.name": backbone,
            "backbone.weights": weights,
            "backbone.offline": offline or None,
            "seed": seed,
            "data.geometry": geometry,
            "data.image_size_px": image_size,
            "data.val": val,
            "data.test": test,
            "head.name": head,
            "head.taps": taps,
            "head.class_weight": class_weight,
            "head.folds": folds,
            "head.cross_validate": folds,
            "head.ensemble": ensemble or None,
            "training.strategy": strategy,
            "training.augmentation.preset": augmentation,
            "engine.name": engine,
            "engine.precision": precision,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    settings = merged(read_settings(config) if config else {}, options)
    checked = build_config(set_dotted(settings, assignments or []))
    from headstart.workflows.tune import tune

    own: dict[str, Any] = {
        "config": checked,
        "space": space,
        "metric": metric,
        "out": out,
        "name": name,
        "cache": cache,
    }
    result = tune(
        data,
        budget=budget,
        trials=trials,
        progress=TerminalProgress(),
        **({"resume": resume} if resume else own),
    )
    _show(result)


def _show(result: TuneResult) -> None:
    from headstart.cli.tune_table import tune_lines

    for line in tune_lines(result):
        typer.echo(line)
    print_scores(result.run.test, of="unseen test images")
    typer.echo(f"page    {result.folder / 'tune.html'}")
    typer.echo(f"trials  {result.folder / 'trials.csv'}")
    typer.echo(f"bundle  {result.run.bundle}")
    typer.echo(f"time    {result.seconds:.1f} s for {len(result.trials)} trials")


def _check_resume(context: typer.Context) -> None:
    """Refuse what would change a search that goes on, and a search without data.

    Raises:
        ConfigError: Names the options that make no sense together.
    """
    given = given_flags(context)
    if "--resume" not in given:
        if "data" not in given:
            raise ConfigError("tune needs DATA: a folder, archive or table of labelled images")
        return
    excess = [flag for flag in given if flag not in _WITH_RESUME]
    if excess:
        raise ConfigError(
            f"--resume goes on with the search's own data and settings: leave out "
            f"{', '.join(excess)}"
        )
