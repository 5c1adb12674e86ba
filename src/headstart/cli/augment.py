"""``headstart augment``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.cli.options import given_settings, merged, setting
from headstart.config import build_config, read_settings, set_dotted


def run(
    data: typed.Data,
    preset: Annotated[str | None, setting("training.augmentation.preset", "--preset")] = None,
    images: Annotated[int, typer.Option("--images", help="Images shown.")] = 6,
    samples: Annotated[int, typer.Option("--samples", help="Views of each.")] = 8,
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG or HTML file to write.")] = Path(
        "augmentation.png"
    ),
    seed: typed.Seed = None,
    geometry: typed.Geometry = None,
    image_size: typed.ImageSize = None,
    config: typed.Config = None,
    assignments: typed.Set = None,
    cache: typed.ArchiveCache = None,
) -> None:
    """Draw training images beside random views of them, as training would see them.

    headstart augment PHOTOS --preset waste

    headstart augment PHOTOS --preset light --set training.augmentation.zoom=[0.8,1.2]
    """
    options = given_settings(
        {
            "training.augmentation.preset": preset,
            "seed": seed,
            "data.geometry": geometry,
            "data.image_size_px": image_size,
        }
    )
    settings = merged(read_settings(config) if config else {}, options)
    checked = build_config(set_dotted(settings, assignments or []))
    from headstart.workflows.augment import augment

    result = augment(
        data,
        config=checked,
        images=images,
        samples=samples,
        out=out,
        cache=cache,
        progress=TerminalProgress(),
    )
    for bad in result.rejected:
        typer.echo(f"unreadable: {bad.path}: {bad.reason}")
    typer.echo(f"each view: {result.description}")
    typer.echo(f"sheet  {result.sheet}")
