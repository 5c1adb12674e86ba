"""``headstart lr-find``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings, merged
from headstart.config import build_config, read_settings, set_dotted

if TYPE_CHECKING:
    from headstart.workflows.lr_find import LrFindResult

_RULES = {
    "valley": "middle of the longest fall",
    "steepest": "where the loss falls fastest",
    "minimum / 10": "a tenth of where it is lowest",
    "minimum": "where it is lowest: the peak of a cycle, not more",
}


def run(
    data: typed.Data,
    train: Annotated[
        str | None,
        typer.Option("--train", help="What is trained: 'last 2 stages' ... [the strategy's]"),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", "--batch", min=1, help="Images a step. [32]")
    ] = None,
    start: Annotated[float, typer.Option("--start", help="First learning rate.")] = 1e-7,
    end: Annotated[float, typer.Option("--end", help="Last learning rate.")] = 10.0,
    steps: Annotated[int, typer.Option("--steps", help="Rates tried, a batch each.")] = 100,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="PNG file of the plot; a CSV file is put beside it.")
    ] = Path("lr-find.png"),
    as_json: typed.Json = None,
    backbone: typed.Backbone = None,
    weights: typed.Weights = None,
    offline: typed.Offline = False,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    val: typed.Val = None,
    test: typed.Test = None,
    head: typed.Head = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="Whose first phase: partial, full, scratch.")
    ] = None,
    augmentation: typed.Augment = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    config: typed.Config = None,
    assignments: typed.Set = None,
    cache: typed.Cache = None,
) -> None:
    """Find a learning rate: train at ever higher ones until the loss explodes.

    headstart lr-find PHOTOS

    headstart lr-find PHOTOS --train "last 2 stages" --augment light --out rates.png

    It starts as fine-tuning would, from the fitted head, and shows training images only.
    """
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
            "training.strategy": strategy,
            "training.augmentation.preset": augmentation,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    settings = merged(read_settings(config) if config else {}, options)
    checked = build_config(set_dotted(settings, assignments or []))
    from headstart.workflows.lr_find import lr_find

    result = lr_find(
        data,
        config=checked,
        train=train,
        batch_size=batch_size,
        start=start,
        end=end,
        steps=steps,
        out=out,
        cache=cache,
        progress=TerminalProgress(),
    )
    if as_json == "-":
        typer.echo(json.dumps(result.to_json(), indent=2))
        return
    if as_json is not None:
        _write_json(result, Path(as_json))
    _show(result)


def _table(result: LrFindResult) -> Iterator[str]:
    if result.suggestions is not None:
        for name, rate in (*result.suggestions.named(), ("minimum", result.suggestions.minimum)):
            yield f"  {name:<14}{rate:<10.1e}{_RULES[name]}"
    if result.curve.explodes_at is not None:
        yield f"  {'explosion':<14}{result.curve.explodes_at:<10.1e}where it leaves its level"


def _write_json(result: LrFindResult, path: Path) -> None:
    from headstart.files import write_json

    write_json(path, result.to_json())


def _show(result: LrFindResult) -> None:
    curve, phase = result.curve, result.phase
    typer.echo(
        f"{len(curve.rates)} steps from {curve.rates[0]:.1e} to {curve.rates[-1]:.1e}, training "
        f"{phase.train} with {phase.optimiser.name}, batches of {phase.batch_size}, "
        f"{result.images:,} training images"
    )
    for line in _table(result):
        typer.echo(line)
    for note in result.notes:
        typer.echo(f"note: {note}")
    if result.suggestion is not None:
        course = "one-cycle peaks at the minimum" if result.cycles else "the valley's rate"
        typer.echo(f"go on with ({course}), beside your other options:")
        typer.echo(f"  headstart train … --set {shlex.quote(result.assignment)}")
    typer.echo(f"plot   {result.plot}")
    typer.echo(f"curve  {result.table}")
    typer.echo(f"time   {result.timings_s['total']:.1f} s")
