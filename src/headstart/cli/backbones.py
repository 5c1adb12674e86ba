"""``headstart backbones``."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.backbones.catalog import CATALOG
from headstart.backbones.spec import BackboneSpec


def run(
    search: Annotated[
        str, typer.Option("--search", help="Show only names that contain this.")
    ] = "",
) -> None:
    """List the pretrained networks, by any of whose names they can be asked for."""
    shown = [spec for spec in CATALOG if any(search.lower() in n.lower() for n in _names(spec))]
    typer.echo(f"{'name':<20}{'size':>6}{'parameters':>14}{'top-1':>8}  {'licence':<12}aliases")
    for spec in shown:
        typer.echo(
            f"{spec.name:<20}{spec.size_px:>6}{spec.parameters:>14,}{spec.top1:>7.2f}%  "
            f"{spec.licence:<12}{', '.join(spec.aliases)}"
        )


def _names(spec: BackboneSpec) -> tuple[str, ...]:
    return (spec.name, *spec.aliases)
