"""``headstart check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings
from headstart.config import build_config, set_dotted
from headstart.errors import ConfigError
from headstart.workflows.run_directory import refuse_existing

if TYPE_CHECKING:
    from headstart.workflows.check_result import CheckResult


def run(
    data: Annotated[str, typer.Argument(help="Folder, archive or table of images.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="HTML page to write: FILE.html, or a folder for it."),
    ] = None,
    as_json: typed.Json = None,
    images: Annotated[
        int | None,
        typer.Option("--images", help="Most images looked at. [1000; more for many classes]"),
    ] = None,
    backbone: typed.Backbone = None,
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    val: typed.Val = None,
    test: typed.Test = None,
    precision: typed.Precision = None,
    threads: typed.Threads = None,
    allow_bad: typed.AllowBad = False,
    allow_leaks: typed.AllowLeaks = False,
    assignments: typed.Set = None,
    cache: typed.Cache = None,
) -> None:
    """Show what a pretrained network sees in images, and which strategy suits them.

    headstart check PHOTOS

    headstart check PHOTOS --backbone efficientnet_lite2 --out check.html --json check.json

    Nothing is trained but cross-validated linear heads, and no test image is looked at.
    Images without labels will do, for the network's own words.
    """
    options = given_settings(
        {
            "backbone.name": backbone,
            "seed": seed,
            "data.geometry": geometry,
            "data.image_size_px": image_size,
            "data.val": val,
            "data.test": test,
            "engine.precision": precision,
            "engine.threads": threads,
            "data.allow_bad": allow_bad or None,
            "data.allow_leaks": allow_leaks or None,
        }
    )
    if images is not None and images < 1:
        raise ConfigError(f"--images is {images}: expected 1 or more")
    if as_json not in (None, "-"):
        refuse_existing(Path(as_json))
    config = build_config(set_dotted(options, assignments or []))
    from headstart.workflows.check import check

    result = check(
        data, config=config, images=images, out=out, cache=cache, progress=TerminalProgress()
    )
    _show(result, as_json)


def _show(result: CheckResult, as_json: str | None) -> None:
    from headstart.cli.check_table import check_lines
    from headstart.files import write_json

    if as_json == "-":
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
        return
    if as_json is not None:
        write_json(Path(as_json), result.to_json())
    for line in check_lines(result):
        typer.echo(line)
    if as_json is not None:
        typer.echo(f"json    {as_json}")
    if result.page is not None:
        typer.echo(f"page    {result.page}")
    typer.echo(f"time    {result.timings_s['total']:.1f} s")
