"""``headstart backbones``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

import typer

from headstart.backbones.catalog import find_backbone, search_backbones
from headstart.backbones.facts import backbone_facts, weights_source
from headstart.backbones.places import weights_place
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.speeds import Speed, known_speed
from headstart.cli import option_types as typed
from headstart.config import cache_dir

_DETAILED: Final = 3
"""So few entries are shown with all that is known of them."""


class _Column(NamedTuple):
    title: str
    width: int
    words: bool = False


_COLUMNS: Final = (
    _Column("name", 31, words=True),
    _Column("million", 7),
    _Column("GMACs", 6),
    _Column("px", 3),
    _Column("top-1", 5),
    _Column("licence", 12, words=True),
    _Column("weights", 12, words=True),
    _Column("img/s", 5),
)


def run(
    search: Annotated[
        str, typer.Option("--search", help="Show only names that contain this; timm/NAME works.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all that is known, as JSON.")
    ] = False,
    cache: typed.Cache = None,
) -> None:
    """List the networks, by any of whose names they can be asked for.

    Parameters in millions; GMACs, multiplications and additions of one image in 10^9
    pairs; px, the side of the square a network was trained on; top-1, its published
    ImageNet accuracy in percent; weights, where they are; img/s, measured on this
    machine when features were last computed. Besides these, timm/NAME is any network
    that timm knows.

    headstart backbones --search efficientnet
    """
    shown = _chosen(search)
    folder = cache_dir(cache)
    if as_json:
        facts = [backbone_facts(spec, known_speed(folder, spec)) for spec in shown]
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(_line([column.title for column in _COLUMNS]))
    for spec in shown:
        typer.echo(_line(_row(spec, known_speed(folder, spec))))
    for spec in shown if len(shown) <= _DETAILED else ():
        typer.echo(f"\n{_details(spec)}")


def _chosen(search: str) -> list[BackboneSpec]:
    named = search.lower().startswith("timm/")
    return [find_backbone(search)] if named else search_backbones(search)


def _line(cells: Sequence[str]) -> str:
    """Return a row of the table: words to the left, numbers to the right of their columns."""
    padded = (
        cell.ljust(column.width) if column.words else cell.rjust(column.width)
        for column, cell in zip(_COLUMNS, cells, strict=True)
    )
    return "  ".join(padded).rstrip()


def _row(spec: BackboneSpec, speed: Speed | None) -> tuple[str, ...]:
    return (
        spec.name,
        f"{spec.parameters / 1e6:.1f}",
        f"{spec.gmacs:.2f}",
        str(spec.size_px),
        "" if spec.top1 is None else f"{spec.top1:.1f}",
        spec.licence,
        weights_place(spec),
        "" if speed is None else f"{speed.images_per_s:.0f}",
    )


def _details(spec: BackboneSpec) -> str:
    published = "not known" if spec.top1 is None else f"{spec.top1:.2f} % at {spec.top1_px} px"
    return "\n".join(
        (
            spec.name,
            f"  also called    {', '.join(spec.aliases) or 'nothing else'}",
            f"  parameters     {spec.parameters:,}",
            f"  preprocessing  mean {_numbers(spec.mean)}; deviation {_numbers(spec.std)};",
            f"                 {spec.interpolation}; centre {spec.crop_fraction:g}",
            f"  top-1          {published}",
            f"  taps           {', '.join(spec.taps) or 'the final activation only'}",
            f"  weights        {weights_source(spec) or 'none: it is trained from scratch'}",
        )
    )


def _numbers(triple: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in triple)
