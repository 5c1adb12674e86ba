"""``headstart weights``: a group of four commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.bars import TerminalProgress
from headstart.errors import WeightsError, listed
from headstart.workflows.weights import (
    WeightsEntry,
    fetch_weights,
    import_weights,
    list_weights,
    verify_weights,
)

run = typer.Typer(
    help="List, fetch, import and verify pretrained weights.\n\nheadstart weights fetch resnet50",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Cache = Annotated[
    Path | None, typer.Option("--cache", help="Cache folder. [HEADSTART_CACHE, or the user's]")
]


@run.command("list")
def list_(
    search: Annotated[
        str, typer.Option("--search", help="Show only names that contain this.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where the weights of every backbone are: on this machine, in a package, on the hub."""
    entries = list_weights(search)
    if as_json:
        typer.echo(json.dumps([entry.to_json() for entry in entries], indent=2))
        return
    typer.echo(f"{'backbone':<26}{'where':<10}{'size':>11}  {'licence':<16}file or source")
    for entry in entries:
        typer.echo(
            f"{entry.backbone:<26}{entry.place:<10}{_size(entry):>11}  "
            f"{entry.licence:<16}{entry.source}"
        )


@run.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Backbones.")],
    offline: Annotated[
        bool, typer.Option("--offline", help="Open no connection: only look what is here.")
    ] = False,
    cache: _Cache = None,
) -> None:
    """Bring the weights of some backbones onto this machine.

    headstart weights fetch resnet50 convnext_tiny
    """
    found = fetch_weights(names, offline=offline, cache=cache, progress=TerminalProgress())
    for name, weights in zip(names, found, strict=True):
        typer.echo(f"{name}\t{weights.path}\t{weights.licence}")


@run.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .safetensors, .pth, .pt or .bin file.")],
    name: Annotated[str, typer.Option("--as", help="The backbone it is for.")],
    licence: Annotated[
        str | None, typer.Option("--licence", "--license", help="SPDX identifier, if known.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace weights imported before.")
    ] = False,
    cache: _Cache = None,
) -> None:
    """Check that a file fits a backbone, and keep it in HEADSTART_WEIGHTS, or the user's folder.

    headstart weights import model.safetensors --as resnet50
    """
    with TerminalProgress().wait(f"importing {file.name}"):
        weights = import_weights(file, name=name, force=force, licence=licence, cache=cache)
    typer.echo(f"{name}\t{weights.path}\t{weights.licence}")


@run.command()
def verify() -> None:
    """Read every weights file again and compare its digest; exit code 2 if one is damaged."""
    verified = verify_weights(progress=TerminalProgress())
    for file in verified:
        typer.echo(f"{'bad' if file.problem else 'ok':<4}{file.backbone}\t{file.path}")
    bad = [f"{file.path} ({file.problem})" for file in verified if file.problem]
    if bad:
        raise WeightsError(
            f"{len(bad)} of {len(verified)} weights files are not what they were: "
            f"{listed(bad)}; remove them and bring them again"
        )
    typer.echo(f"{len(verified)} files are what they were")


def _size(entry: WeightsEntry) -> str:
    return "-" if entry.bytes is None else f"{entry.bytes / 1_000_000:,.1f} MB"
