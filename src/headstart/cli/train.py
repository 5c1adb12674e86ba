"""``headstart train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_flags, given_settings, merged, setting
from headstart.cli.scores import print_decision, print_scores
from headstart.config import build_config, read_settings, set_dotted
from headstart.errors import ConfigError
from headstart.workflows.recipes import recipe_config
from headstart.workflows.run_directory import refuse_existing

_WITH_RESUME = ("--resume", "--lr-factor", "--cache", "--track")


def run(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(help="Folder, archive or table of labelled images.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder; must not exist yet.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the run below runs/. [the data's]")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Start from a published plan: see 'headstart recipes'."),
    ] = None,
    backbone: typed.Backbone = None,
    weights: typed.Weights = None,
    offline: typed.Offline = False,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    val: typed.Val = None,
    test: typed.Test = None,
    max_pixels: Annotated[int | None, setting("data.max_pixels", "--max-pixels")] = None,
    head: typed.Head = None,
    class_weight: typed.ClassWeight = None,
    strategy: Annotated[str | None, setting("training.strategy", "--strategy")] = None,
    budget: Annotated[str | None, setting("training.budget", "--budget")] = None,
    epochs: typed.Epochs = None,
    batch_size: typed.BatchSize = None,
    learning_rate: typed.LearningRate = None,
    augmentation: typed.Augment = None,
    taps: typed.Taps = None,
    reject: Annotated[str | None, setting("decision.reject", "--reject")] = None,
    priors: Annotated[str | None, setting("decision.priors", "--priors")] = None,
    costs: Annotated[str | None, setting("decision.costs", "--costs")] = None,
    folds: Annotated[int | None, setting("head.cross_validate", "--folds")] = None,
    ensemble: Annotated[bool, setting("head.ensemble", "--ensemble")] = False,
    engine: typed.Engine = None,
    precision: typed.Precision = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    config: typed.Config = None,
    assignments: typed.Set = None,
    cache: typed.Cache = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Go on with a run that was stopped while it fine-tuned."),
    ] = None,
    lr_factor: Annotated[
        float | None,
        typer.Option("--lr-factor", help="With --resume: change the learning rates by this."),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option("--track", help="Log the finished run as well: mlflow, or mlflow:URI."),
    ] = None,
) -> None:
    """Train, judge and bundle a classifier from labelled images.

    headstart train PHOTOS

    headstart train PHOTOS --backbone efficientnet_lite2 --out runs/waste --seed 1

    headstart train PHOTOS --recipe waste --backbone efficientnet_lite0

    headstart train --resume runs/waste
    """
    check_resume(context)
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
            "data.max_pixels": max_pixels,
            "head.name": head,
            "head.class_weight": class_weight,
            "head.taps": taps,
            "decision.reject": reject,
            "decision.priors": priors,
            "decision.costs": costs,
            "head.cross_validate": folds,
            "head.ensemble": ensemble or None,
            "training.strategy": strategy,
            "training.budget": budget,
            "training.epochs": epochs,
            "training.batch_size": batch_size,
            "training.learning_rate": learning_rate,
            "training.augmentation.preset": augmentation,
            "engine.name": engine,
            "engine.precision": precision,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    settings = merged(read_settings(config) if config else {}, options)
    own: dict[str, Any] = {"out": out, "name": name}
    if recipe is None:
        own["config"] = build_config(set_dotted(settings, assignments or []))
    else:
        own["recipe"] = recipe_config(recipe, settings, assignments or [])
    if out is not None:
        refuse_existing(out)
    from headstart.workflows.train import train

    gone_on: dict[str, Any] = {"resume": resume, "lr_factor": lr_factor}
    asked = gone_on if resume else own
    result = train(data, **asked, cache=cache, track=track, progress=TerminalProgress())
    for note in result.notes:
        typer.echo(f"note: {note}")
    print_scores(result.test, of="unseen test images")
    print_decision(result.decision, of="test images")
    typer.echo(f"report  {result.report}")
    typer.echo(f"bundle  {result.bundle}")
    typer.echo(f"time    {result.timings_s['total']:.1f} s")


def check_resume(context: typer.Context) -> None:
    """Refuse what would change a run that goes on, and a run without data.

    Raises:
        ConfigError: Names the options that make no sense together.
    """
    given = given_flags(context)
    if "--resume" not in given:
        if "data" not in given:
            raise ConfigError("train needs DATA: a folder, archive or table of labelled images")
        if "--lr-factor" in given:
            raise ConfigError("--lr-factor only goes with --resume: set the learning rate instead")
        return
    excess = [flag for flag in given if flag not in _WITH_RESUME]
    if excess:
        raise ConfigError(
            f"--resume goes on with the run's own data and settings: leave out {', '.join(excess)}"
        )
