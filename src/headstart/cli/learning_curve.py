"""``headstart learning-curve``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings, merged, setting
from headstart.config import build_config, read_settings, set_dotted
from headstart.errors import ConfigError
from headstart.workflows.run_directory import refuse_existing

if TYPE_CHECKING:
    from headstart.selection.curve_result import LearningCurve


def run(
    data: Annotated[str, typer.Argument(help="Folder, archive or table of labelled images.")],
    sizes: Annotated[
        str, typer.Option("--sizes", help="Numbers of training images, such as 100,200,400. [auto]")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="FILE.html, FILE.png, or a folder for all there is."),
    ] = None,
    as_json: Annotated[
        str | None, typer.Option("--json", help="JSON file to write; - for the terminal.")
    ] = None,
    as_csv: Annotated[Path | None, typer.Option("--csv", help="CSV file to write.")] = None,
    backbone: Annotated[str | None, setting("backbone.name", "--backbone", "--model")] = None,
    weights: Annotated[str | None, setting("backbone.weights", "--weights")] = None,
    offline: Annotated[bool, setting("backbone.offline", "--offline")] = False,
    head: Annotated[str | None, setting("head.name", "--head")] = None,
    class_weight: Annotated[str | None, setting("head.class_weight", "--class-weight")] = None,
    taps: Annotated[str | None, setting("head.taps", "--taps")] = None,
    seed: Annotated[int | None, setting("seed", "--seed")] = None,
    geometry: Annotated[str | None, setting("data.geometry", "--geometry")] = None,
    image_size: Annotated[
        int | None, setting("data.image_size_px", "--image-size", "--imgsz")
    ] = None,
    val: Annotated[float | None, setting("data.val", "--val")] = None,
    test: Annotated[float | None, setting("data.test", "--test")] = None,
    engine: Annotated[str | None, setting("engine.name", "--engine")] = None,
    precision: Annotated[str | None, setting("engine.precision", "--precision")] = None,
    threads: Annotated[int | None, setting("engine.threads", "--threads", "--workers")] = None,
    allow_bad: Annotated[bool, setting("data.allow_bad", "--allow-bad")] = False,
    allow_leaks: Annotated[bool, setting("data.allow_leaks", "--allow-leaks")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file of settings.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting: dotted.key=value.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Cache folder. [HEADSTART_CACHE, or the user's]")
    ] = None,
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
