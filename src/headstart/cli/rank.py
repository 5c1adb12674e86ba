"""``headstart rank``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings, merged
from headstart.config import build_config, read_settings, set_dotted
from headstart.workflows.run_directory import refuse_existing

if TYPE_CHECKING:
    from headstart.selection.ranking import RankResult


def run(
    data: typed.Data,
    backbones: Annotated[
        str,
        typer.Option(
            "--backbones", "--models", help="Names, separated by commas. [all on this machine]"
        ),
    ] = "",
    images: Annotated[
        int | None, typer.Option("--images", help="Most images judged on. [1500]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="FILE.html, FILE.png, or a folder for all there is."),
    ] = None,
    as_json: typed.Json = None,
    as_csv: typed.Csv = None,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    val: typed.Val = None,
    test: typed.Test = None,
    taps: typed.Taps = None,
    engine: typed.Engine = None,
    precision: typed.Precision = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    config: typed.Config = None,
    assignments: typed.Set = None,
    cache: typed.Cache = None,
) -> None:
    """Rank pretrained networks by how well they suit images, without fine-tuning.

    headstart rank PHOTOS

    headstart rank PHOTOS --backbones lite0,lite2 --out rank.html --csv rank.csv

    Each network passes over a sample of the training images once; no test image is
    looked at. Accuracy comes with its interval, and with what it costs.
    """
    options = given_settings(
        {
            "seed": seed,
            "data.geometry": geometry,
            "data.image_size_px": image_size,
            "data.val": val,
            "data.test": test,
            "head.taps": taps,
            "engine.name": engine,
            "engine.precision": precision,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    settings = merged(read_settings(config) if config else {}, options)
    checked = build_config(set_dotted(settings, assignments or []))
    for path in (Path(as_json) if as_json not in (None, "-") else None, as_csv):
        if path is not None:
            refuse_existing(path)
    from headstart.workflows.rank import rank

    result = rank(
        data,
        [name for name in (part.strip() for part in backbones.split(",")) if name],
        config=checked,
        images=images,
        out=out,
        cache=cache,
        progress=TerminalProgress(),
    )
    _write(result, as_json, as_csv)
    _show(result, {"out": out, "json": as_json, "csv": as_csv})


def _write(result: RankResult, as_json: str | None, as_csv: Path | None) -> None:
    from headstart.files import write_csv, write_json

    if as_json not in (None, "-"):
        write_json(Path(as_json), result.to_json())
    if as_csv is not None:
        write_csv(as_csv, *result.table())


def _show(result: RankResult, written: dict[str, object]) -> None:
    from headstart.cli.rank_table import rank_lines

    if written["json"] == "-":
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
        return
    for line in rank_lines(result):
        typer.echo(line)
    for kind, path in written.items():
        if path is not None:
            typer.echo(f"{kind:<8}{path}")
    typer.echo(f"time    {result.timings_s['total']:.1f} s")
