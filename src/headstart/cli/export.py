"""``headstart export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.bars import TerminalProgress
from headstart.workflows.export import CALIBRATION_IMAGES, MAX_LOSS, export
from headstart.workflows.run_directory import refuse_existing


def run(
    source: Annotated[
        Path, typer.Argument(metavar="RUN_OR_BUNDLE", help="A run, or a bundle folder.")
    ],
    format_: Annotated[
        str,
        typer.Option("--format", "-f", help="onnx, openvino, torchscript, litert, coreml or int8."),
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder to write. [export-FORMAT, or bundle-int8, beside the bundle]",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Labelled images to compare on. [where the run found its own]"),
    ] = None,
    max_loss: Annotated[
        float, typer.Option("--max-loss", help="Loss of accuracy accepted of int8, if shown.")
    ] = MAX_LOSS,
    calibration: Annotated[
        int, typer.Option("--calibration", help="Training images int8 is calibrated on.")
    ] = CALIBRATION_IMAGES,
    cache: typed.ArchiveCache = None,
) -> None:
    """Write a trained classifier in another format, and prove that it answers alike.

    headstart export runs/waste --format onnx

    headstart export runs/waste --format int8 --out deployed-int8

    Pixels go in as they are (uint8, RGB), probabilities come out. The file is held against the
    bundle on the run's test images first, and refused where it differs: see parity.md in it.
    """
    if out is not None:
        refuse_existing(out)
    result = export(
        source,
        format=format_,
        out=out,
        data=data,
        max_loss=max_loss,
        calibration_images=calibration,
        cache=cache,
        progress=TerminalProgress(),
    )
    for line in result.parity.lines():
        typer.echo(line)
    typer.echo(f"written {result.file}")
