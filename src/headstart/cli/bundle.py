"""``headstart bundle verify|show|diff``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from headstart.bundle import load_bundle
from headstart.bundle.difference import compare_bundles
from headstart.cli.bundle_lines import difference_lines, shown_lines

DIFFERENT: Final = 1

run = typer.Typer(
    help="Verify, show or compare bundles, without running them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Place = Annotated[Path, typer.Argument(metavar="RUN_OR_BUNDLE", help="A run, or a bundle.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for the terminal.")]


@run.command()
def verify(place: _Place) -> None:
    """Check every byte of a bundle against its digests and its seal.

    headstart bundle verify runs/waste
    """
    bundle = load_bundle(place)
    size = sum(digest.bytes for digest in bundle.info.files.values())
    typer.echo(f"{bundle.folder} is whole: {len(bundle.info.files) + 1} files, {size / 1e6:.1f} MB")
    typer.echo(f"seal {bundle.info.seal}")


@run.command()
def show(place: _Place, as_json: _Json = False) -> None:
    """Show what a bundle is: classes, geometry, test figures, decision, where it comes from.

    headstart bundle show runs/waste
    """
    bundle = load_bundle(place)
    if as_json:
        typer.echo(bundle.info.model_dump_json(by_alias=True, indent=2))
        return
    for line in shown_lines(bundle):
        typer.echo(line)


@run.command()
def diff(first: _Place, second: _Place, as_json: _Json = False) -> None:
    """Show how two bundles differ; exits with 1 where they do, as diff does.

    headstart bundle diff runs/waste runs/waste/bundle-int8
    """
    found = compare_bundles(load_bundle(first), load_bundle(second))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        for line in difference_lines(found):
            typer.echo(line)
    if not found.none:
        raise typer.Exit(DIFFERENT)
