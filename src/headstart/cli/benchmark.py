"""``headstart benchmark``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings, merged, setting
from headstart.config import read_settings
from headstart.config.grids import Grid, build_grids, parse_axis, read_grids
from headstart.errors import ConfigError
from headstart.files import write_csv, write_json
from headstart.workflows.run_directory import refuse_existing

if TYPE_CHECKING:
    from headstart.workflows.benchmark_result import BenchmarkResult

_INCOMPLETE: Final = 2


def run(
    data: Annotated[
        list[str], typer.Argument(help="Folders, archives or tables of labelled images.")
    ],
    grid: Annotated[
        Path | None, typer.Option("--grid", help="YAML file: lists of values by setting.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="A published plan with all its networks: 'recipes'."),
    ] = None,
    backbones: Annotated[
        str, typer.Option("--backbones", "--models", help="Names, separated by commas.")
    ] = "",
    sizes: Annotated[
        str, typer.Option("--sizes", help="Sides of the input in pixels, by commas.")
    ] = "",
    heads: Annotated[str, typer.Option("--heads", help="Heads, separated by commas.")] = "",
    strategies: Annotated[
        str, typer.Option("--strategies", help="Such as probe,full: frozen and fine-tuned.")
    ] = "",
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", help="Any other setting: dotted.key=value,value."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of runs and tables. [runs/benchmark-DATA]"),
    ] = None,
    as_json: typed.Json = None,
    as_csv: typed.Csv = None,
    offline: typed.Offline = False,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    val: typed.Val = None,
    test: typed.Test = None,
    budget: Annotated[str | None, setting("training.budget", "--budget")] = None,
    augmentation: typed.Augment = None,
    engine: typed.Engine = None,
    precision: typed.Precision = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file of settings, for every run.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting, for every run: key=value.")
    ] = None,
    cache: typed.Cache = None,
) -> None:
    """Train every combination as a run, and rank them on the same test images.

    headstart benchmark PHOTOS --backbones lite0,lite2 --heads linear,gap-1024-512,svm

    headstart benchmark PHOTOS LEAVES --backbones lite0 --strategies probe,full

    headstart benchmark PHOTOS --recipe rakuten-benchmark

    Features are shared, failures passed over. Stopped, the same command goes on.
    """
    for path in (Path(as_json) if as_json not in (None, "-") else None, as_csv):
        if path is not None:
            refuse_existing(path)
    options = given_settings(
        {
            "backbone.offline": offline or None,
            "seed": seed,
            "data.geometry": geometry,
            "data.val": val,
            "data.test": test,
            "training.budget": budget,
            "training.augmentation.preset": augmentation,
            "engine.name": engine,
            "engine.precision": precision,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    axes = {"backbones": backbones, "sizes": sizes, "heads": heads, "strategies": strategies}
    grids = _grids(grid, _axes(axes, vary or ()))
    from headstart.workflows.benchmark import benchmark

    result = benchmark(
        data,
        grid=grids or None,
        recipe=recipe,
        config=merged(read_settings(config) if config else {}, options),
        assignments=assignments or (),
        out=out,
        cache=cache,
        progress=TerminalProgress(),
    )
    _write(result, as_json, as_csv)
    if not result.is_complete:
        raise typer.Exit(_INCOMPLETE)


def _axes(lists: dict[str, str], vary: Iterable[str]) -> dict[str, list[Any]]:
    """Return the axes that options give, by name or dotted key."""
    axes: dict[str, list[Any]] = {}
    for name, text in lists.items():
        values = [part.strip() for part in text.split(",") if part.strip()]
        if values:
            axes[name] = [_pixels(value) for value in values] if name == "sizes" else values
    for text in vary:
        key, found = parse_axis(text)
        if key in axes:
            raise ConfigError(f"--vary {key} is given twice: list its values in one")
        axes[key] = found
    return axes


def _pixels(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"--sizes {text!r}: expected pixels, such as 160,224")
    return int(text)


def _grids(file: Path | None, axes: dict[str, list[Any]]) -> Sequence[Grid]:
    """Return the file's grids with the options' axes over theirs."""
    own = build_grids(axes)[0] if axes else None
    if file is None:
        return (own,) if own else ()
    read = read_grids(file)
    return tuple(grid.with_axes(own.axes) for grid in read) if own else read


def _write(result: BenchmarkResult, as_json: str | None, as_csv: Path | None) -> None:
    if as_csv is not None:
        write_csv(as_csv, *result.table())
    if as_json == "-":
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
        return
    if as_json is not None:
        write_json(Path(as_json), result.to_json())
    from headstart.cli.benchmark_table import benchmark_lines

    for line in benchmark_lines(result):
        typer.echo(line)
