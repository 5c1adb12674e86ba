"""``headstart learning-curve``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings, merged
from headstart.config import build_config, read_settings, set_dotted
from headstart.errors import ConfigError
from headstart.workflows.run_directory import refuse_existing

if TYPE_CHECKING:
    from headstart.selection.curve_result import LearningCurve


def run(
    data: typed.Data,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Numbers of training images, such as 100,200,400. [auto]")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="FILE.html, FILE.png, or a folder for all there is."),
    ] = None,
    as_json: typed.Json = None,
    as_csv: typed.Csv = None,
    backbone: typed.Backbone = None,
    weights: typed.Weights = None,
    offline: typed.Offline = False,
    head: typed.Head = None,
    class_weight: typed.ClassWeight = None,
    taps: typed.Taps = None,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    val: typed.Val = None,
    test: typed.Test = None,
    engine: typed.Engine = None,
    precision: typed.Precision = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    config: typed.Config = None,
    assignments: typed.Set = None,
    cache: typed.Cache = None,
) -> None:
    """Say whether more images would help: accuracy against number of training images.

    headstart learning-curve PHOTOS

    headstart learning-curve PHOTOS --head svm --backbone lite2 --out curve.html

    The network passes over every image once; heads are fitted to ever more of the training
    images and judged on others. No test image is looked at.
    """
    options = given_settings(
        {
            "backbone.name": backbone,
            "backbone.weights": weights,
            "backbone.offline": offline or None,
            "head.name": head,
            "head.class_weight": class_weight,
            "head.taps": taps,
            "seed": seed,
            "data.geometry": geometry,
            "data.image_size_px": image_size,
            "data.val": val,
            "data.test": test,
            "engine.name": engine,
            "engine.precision": precision,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    settings = merged(read_settings(config) if config else {}, options)
    checked = build_config(set_dotted(settings, assignments or []))
    wanted = read_sizes(sizes)
    for path in (Path(as_json) if as_json not in (None, "-") else None, as_csv):
        if path is not None:
            refuse_existing(path)
    from headstart.workflows.learning_curve import learning_curve

    curve = learning_curve(
        data, config=checked, sizes=wanted, out=out, cache=cache, progress=TerminalProgress()
    )
    _write(curve, as_json, as_csv)
    _show(curve, {"out": out, "json": as_json, "csv": as_csv})


def read_sizes(text: str) -> list[int] | None:
    """Return the numbers that a user wrote, separated by commas; ``None`` for none.

    Raises:
        ConfigError: One is no number.

    >>> read_sizes("100, 200")
    [100, 200]
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not part.isdecimal()]
    if wrong:
        raise ConfigError(f"--sizes {text}: expected whole numbers such as 100,200,400")
    return [int(part) for part in parts] or None


def _write(curve: LearningCurve, as_json: str | None, as_csv: Path | None) -> None:
    from headstart.files import write_csv, write_json

    if as_json not in (None, "-"):
        write_json(Path(as_json), curve.to_json())
    if as_csv is not None:
        write_csv(as_csv, *curve.table())


def _show(curve: LearningCurve, written: dict[str, object]) -> None:
    from headstart.cli.curve_table import curve_lines

    if written["json"] == "-":
        typer.echo(json.dumps(curve.to_json(), indent=2, ensure_ascii=False))
        return
    for line in curve_lines(curve):
        typer.echo(line)
    for kind, path in written.items():
        if path is not None:
            typer.echo(f"{kind:<8}{path}")
    typer.echo(f"time    {curve.timings_s['total']:.1f} s")
