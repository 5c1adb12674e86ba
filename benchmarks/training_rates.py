"""How many images a second full fine-tuning trains, by size, batch and batch-norm mode.

Usage: python benchmarks/training_rates.py [--sizes 96,128,160,224] [--batches 32,64]

What a budget buys: the real ``FineTuning`` of a pretrained backbone on random pixels,
with the arithmetic that it chooses for itself. Decoding and augmentation are left out
(both run beside the steps). Of a few short epochs the fastest counts.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch

from _report import Cell, Report, arguments_parser
from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import build_module
from headstart.backbones.weights import resolve_weights
from headstart.config import cache_dir
from headstart.config.training import PhaseConfig, TrainingConfig
from headstart.features.table import ArrayFeatures
from headstart.heads.linear import LinearHead
from headstart.progress import Silent
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples
from headstart.training.fine_tuning import FineTuning, TuningTask
from headstart.training.pixels import PixelTable

CLASSES = 10
HOURS = (1, 2, 3)
VALIDATION_IMAGES = 16
EPOCHS = 3


@dataclass(frozen=True)
class Setting:
    """One row: what is measured."""

    size_px: int
    batch: int
    batch_norm: str


def random_examples(images: int, size_px: int) -> Examples:
    """Return random pixels with random classes."""
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (images, size_px, size_px, 3), dtype=np.uint8)
    return Examples(PixelTable(pixels), draws.integers(0, CLASSES, images))


def build_task(backbone_name: str, images: int, size_px: int) -> TuningTask:
    """Return fine-tuning of a pretrained backbone under an empty head on all taps."""
    spec = find_backbone(backbone_name)
    backbone = build_module(spec, resolve_weights(spec, cache=cache_dir()), size_px=size_px)
    layout = backbone.measure_layout(size_px)
    outputs = tuple("/".join(output) for output in backbone.outputs if output[0] != "classifier")
    columns = layout.columns(outputs)
    head = LinearHead(
        classes=tuple(f"class {number}" for number in range(CLASSES)),
        taps="all",
        outputs=outputs,
        weight=np.zeros((len(columns), CLASSES), np.float32),
        bias=np.zeros(CLASSES, np.float32),
        temperature=1.0,
    )
    features = np.random.default_rng(0).standard_normal((images, layout.dim)).astype(np.float16)
    return TuningTask(
        backbone=backbone,
        head=head,
        features=ArrayFeatures(features),
        columns=columns,
        train=random_examples(images, size_px),
        validation=random_examples(VALIDATION_IMAGES, size_px),
        size_px=size_px,
        seed=0,
    )


def measured(setting: Setting, backbone_name: str, arguments: argparse.Namespace) -> list[Cell]:
    """Train a few short epochs and return the row: the fastest counts."""
    task = build_task(backbone_name, setting.batch * arguments.steps, setting.size_px)
    job = FineTuning(task, TrainingConfig(), device=torch.device("cpu"), progress=Silent())
    known = arguments.arithmetic
    arithmetic = Arithmetic(known) if known else job.choose_arithmetic()
    phase = PhaseConfig.model_validate(
        {"epochs": EPOCHS, "batch_size": setting.batch, "batch_norm": setting.batch_norm}
    )
    with tempfile.TemporaryDirectory() as folder:
        history = job.run([phase], arithmetic, Path(folder))
    rate = max(epoch.images_per_s for epoch in history)
    epochs = [3600 * hours * rate / arguments.images for hours in HOURS]
    row = [setting.size_px, setting.batch, setting.batch_norm, arithmetic.name, rate, *epochs]
    print(*row, flush=True)
    return [str(setting.size_px), *row[1:]]


def report(rows: Sequence[Sequence[Cell]], arguments: argparse.Namespace) -> Report:
    """Sum up."""
    return Report(
        title=f"full fine-tuning of {arguments.backbone}, random pixels",
        headers=(
            "pixels",
            "batch",
            "batch norm",
            "arithmetic",
            "images/s",
            *(f"epochs in {hours} h" for hours in HOURS),
        ),
        rows=rows,
        checks=[],
        notes=[
            f"an epoch: {arguments.images:,} images; timed: {EPOCHS} times {arguments.steps} steps"
        ],
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--sizes", default="96,128,160,224", help="pixels [%(default)s]")
    parser.add_argument("--batches", default="32,64", help="images a step [%(default)s]")
    parser.add_argument("--batch-norm", default="frozen,train", help="modes [%(default)s]")
    parser.add_argument("--steps", type=int, default=4, help="steps of an epoch [%(default)s]")
    parser.add_argument("--arithmetic", help="instead of what measures fastest: f32, bf16-fast …")
    parser.add_argument(
        "--images", type=int, default=50_000, help="of an epoch, for the last columns [%(default)s]"
    )
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    grid = product(
        arguments.batch_norm.split(","),
        map(int, arguments.sizes.split(",")),
        map(int, arguments.batches.split(",")),
    )
    rows = [
        measured(Setting(size_px, batch, mode), arguments.backbone, arguments)
        for mode, size_px, batch in grid
    ]
    report(rows, arguments).publish(arguments.json)


if __name__ == "__main__":
    main()
