"""``headstart layers``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from headstart.training.layers import Layer
    from headstart.workflows.layers import LayerListing


def run(
    backbone: Annotated[str, typer.Argument(help="Network, by any of its names.")],
    head: Annotated[
        str | None, typer.Option("--head", help="Add a head's layers: linear, gap-1024-512 ...")
    ] = None,
    classes: Annotated[int, typer.Option("--classes", min=2, help="Outputs of the head.")] = 10,
    image_size: Annotated[
        int | None, typer.Option("--image-size", "--imgsz", min=1, help="Side of the square.")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option("--train", help="Mark what this trains: 'last 2 stages', 'from layer 94' ..."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead.")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the network here.")] = None,
) -> None:
    """Number a network's layers in forward order, and show what an expression would train.

    headstart layers efficientnet_lite0 --train "last 2 stages" --svg lite0.svg
    """
    from headstart.workflows.layers import list_backbone

    listing = list_backbone(backbone, size_px=image_size, head=head, classes=classes, train=train)
    if as_json:
        typer.echo(json.dumps(_as_json(listing), indent=2))
    else:
        _table(listing)
    if svg is not None:
        _draw(listing, svg)


def _draw(listing: LayerListing, path: Path) -> None:
    from headstart.files import write_text
    from headstart.workflows.layers import draw_listing

    write_text(path, draw_listing(listing))
    typer.echo(f"drawn in {path}", err=True)


def _table(listing: LayerListing) -> None:
    rows = [_row(listing, layer) for layer in (*listing.layers, *listing.head)]
    header = ("layer", "stage", "name", "kind", "output shape", "parameters", "")
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        cells = (
            text.rjust(width) if column in {0, 1, 5} else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        typer.echo("  ".join(cells).rstrip())
    typer.echo(_summary(listing))


def _row(listing: LayerListing, layer: Layer) -> tuple[str, ...]:
    mine = layer.number < len(listing.layers)
    return (
        str(layer.number),
        str(listing.stage_numbers[layer.number] + 1) if mine else "",
        layer.name,
        layer.kind,
        " x ".join(map(str, layer.shape)),
        f"{layer.parameters:,}",
        "trained" if listing.is_trained(layer) else "",
    )


def _summary(listing: LayerListing) -> str:
    total = sum(layer.parameters for layer in listing.layers)
    count, stages = len(listing.layers), len(listing.stages)
    size = f"{listing.backbone} at {listing.size_px} pixels"
    lines = [f"{size}: {count} layers (0 to {count - 1}) in {stages} stages, {total:,} parameters"]
    if listing.head:
        lines.append(f"head: {sum(layer.parameters for layer in listing.head):,} parameters")
    if listing.freezing:
        lines.append(f"trained: {listing.freezing.summary}")
    return "\n".join(lines)


def _as_json(listing: LayerListing) -> dict[str, Any]:
    about: dict[str, Any] = {
        "backbone": listing.backbone,
        "image_size_px": listing.size_px,
        "stages": listing.stages,
        "layers": [_layer_json(listing, layer) for layer in (*listing.layers, *listing.head)],
    }
    if listing.freezing:
        about["train"] = {
            "expression": listing.freezing.expression,
            "meaning": listing.freezing.words,
            "parameters": listing.freezing.parameters_trained,
            "of": listing.freezing.parameters_total,
            "frozen_up_to": listing.freezing.boundary,
        }
    return about


def _layer_json(listing: LayerListing, layer: Layer) -> dict[str, Any]:
    mine = layer.number < len(listing.layers)
    about = {
        "number": layer.number,
        "name": layer.name,
        "kind": layer.kind,
        "shape": layer.shape,
        "parameters": layer.parameters,
        "stage": listing.stages[listing.stage_numbers[layer.number]] if mine else "head",
    }
    return {**about, "trained": listing.is_trained(layer)} if listing.freezing else about
