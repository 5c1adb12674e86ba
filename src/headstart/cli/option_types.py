"""Options and arguments that several commands take, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from headstart.cli.options import setting

AllowBad: TypeAlias = Annotated[bool, setting("data.allow_bad", "--allow-bad")]
AllowLeaks: TypeAlias = Annotated[bool, setting("data.allow_leaks", "--allow-leaks")]
ArchiveCache: TypeAlias = Annotated[
    Path | None, typer.Option("--cache", help="Cache folder, for archives.")
]
Augment: TypeAlias = Annotated[str | None, setting("training.augmentation.preset", "--augment")]
Backbone: TypeAlias = Annotated[str | None, setting("backbone.name", "--backbone", "--model")]
BatchSize: TypeAlias = Annotated[
    int | None, setting("training.batch_size", "--batch-size", "--batch")
]
Bundle: TypeAlias = Annotated[Path, typer.Argument(help="Bundle folder, or the run that holds it.")]
Cache: TypeAlias = Annotated[
    Path | None, typer.Option("--cache", help="Cache folder. [HEADSTART_CACHE, or the user's]")
]
ClassWeight: TypeAlias = Annotated[str | None, setting("head.class_weight", "--class-weight")]
Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML file of settings.")
]
Csv: TypeAlias = Annotated[Path | None, typer.Option("--csv", help="CSV file to write.")]
Data: TypeAlias = Annotated[
    str, typer.Argument(help="Folder, archive or table of labelled images.")
]
Engine: TypeAlias = Annotated[str | None, setting("engine.name", "--engine")]
Epochs: TypeAlias = Annotated[int | None, setting("training.epochs", "--epochs")]
Geometry: TypeAlias = Annotated[str | None, setting("data.geometry", "--geometry")]
Head: TypeAlias = Annotated[str | None, setting("head.name", "--head")]
ImageSize: TypeAlias = Annotated[
    int | None, setting("data.image_size_px", "--image-size", "--imgsz")
]
Json: TypeAlias = Annotated[
    str | None, typer.Option("--json", help="JSON file to write; - for the terminal.")
]
LearningRate: TypeAlias = Annotated[
    float | None, setting("training.learning_rate", "--learning-rate", "--lr")
]
Offline: TypeAlias = Annotated[bool, setting("backbone.offline", "--offline")]
Precision: TypeAlias = Annotated[str | None, setting("engine.precision", "--precision")]
Seed: TypeAlias = Annotated[int | None, setting("seed", "--seed")]
Set: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting: dotted.key=value.")
]
Taps: TypeAlias = Annotated[str | None, setting("head.taps", "--taps")]
Test: TypeAlias = Annotated[float | None, setting("data.test", "--test")]
Threads: TypeAlias = Annotated[int | None, setting("engine.threads", "--threads", "--workers")]
Val: TypeAlias = Annotated[float | None, setting("data.val", "--val")]
Weights: TypeAlias = Annotated[str | None, setting("backbone.weights", "--weights")]
