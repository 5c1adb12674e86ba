"""``headstart augment``: what training would see, on one sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from headstart.backbones.catalog import find_backbone
from headstart.config import TrainConfig, cache_dir
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry, with_margin
from headstart.data.manifest import Manifest, Rejected
from headstart.data.sources import open_source
from headstart.errors import ConfigError, DataError, listed
from headstart.files import write_bytes, write_text
from headstart.progress import Progress, Silent
from headstart.reporting import SheetRow, draw_sheet, render_sheet
from headstart.training.augmentation import PRESETS, Augmenter, describe, is_off, source_px

_ENDINGS: Final = (".png", ".html")
_MOST_IMAGES, _MOST_SAMPLES = 100, 32


@dataclass(frozen=True)
class AugmentResult:
    """A sheet that was written.

    Attributes:
        sheet: Where it is.
        description: What is done to an image, in words.
        images: Path of each image shown.
        rejected: Images drawn that could not be read; others are shown instead.
    """

    sheet: Path
    description: str
    images: tuple[str, ...]
    rejected: tuple[Rejected, ...]


def augment(
    data: str | Path,
    *,
    config: TrainConfig,
    images: int = 6,
    samples: int = 8,
    out: str | Path = "augmentation.png",
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> AugmentResult:
    """Draw images of every class in turn, and beside each random views of it.

    Only training images are shown where the data says which these are. An existing
    sheet is replaced.

    Args:
        data: Folder, archive or table of labelled images.
        config: Its augmentation, seed, and how images become squares.
        images: How many images, 1 to 100.
        samples: Views of each, 1 to 32.
        out: PNG or HTML file.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Raises:
        ConfigError: Nothing is varied, a number is out of range, or the ending is neither.
        UnknownNameError: No preset or backbone has that name.
        DataError: There are no images, or none can be read.
    """
    sheet = Path(out)
    _check(config, images, samples, sheet)
    with (progress or Silent()).wait("opening the data"):
        manifest = _training_rows(open_source(data, cache=cache_dir(cache), min_classes=1))
    rejected: list[Rejected] = []
    rows = []
    for row in _sheet_rows(manifest, config, samples, rejected):
        rows.append(row)
        if len(rows) == images:
            break
    if not rows:
        raise DataError(
            f"none of {len(manifest):,} images can be read: "
            f"{listed(f'{bad.path}: {bad.reason}' for bad in rejected)}"
        )
    words = describe(config.training.augmentation)
    _write(sheet, rows, title=_title(config), subtitle=words)
    return AugmentResult(sheet, words, tuple(row.path for row in rows), tuple(rejected))


def _check(config: TrainConfig, images: int, samples: int, sheet: Path) -> None:
    if is_off(config.training.augmentation):
        raise ConfigError(
            f"nothing is varied: choose --preset ({', '.join(PRESETS)}), or a setting, "
            "as in --set training.augmentation.horizontal_flip=true"
        )
    for name, number, most in (
        ("images", images, _MOST_IMAGES),
        ("samples", samples, _MOST_SAMPLES),
    ):
        if not 1 <= number <= most:
            raise ConfigError(f"--{name} {number}: expected 1 to {most}")
    if sheet.suffix.lower() not in _ENDINGS:
        raise ConfigError(f"--out {sheet}: expected a name that ends in .png or .html")


def _training_rows(manifest: Manifest) -> Manifest:
    """Return the training images; all of them where the data has no splits."""
    if not any(manifest.splits):
        return manifest
    rows = manifest.rows_in("train")
    if not len(rows):
        raise DataError("the data has splits, but no 'train' images; only those are augmented")
    return manifest.take(rows)


def _sheet_rows(
    manifest: Manifest, config: TrainConfig, samples: int, rejected: list[Rejected]
) -> Iterator[SheetRow]:
    """Yield images and their views, every class in turn, until there are no more."""
    augmenter = Augmenter(config.training.augmentation, _size_px(config))
    margin_px = source_px(augmenter.config, augmenter.size_px)
    geometry = with_margin(_geometry(config, augmenter.size_px), margin_px)  # as in training
    generator = torch.Generator().manual_seed(config.seed)
    for row in _in_turn(manifest, config.seed):
        path = manifest.paths[row]
        try:
            stored = manifest.container.read(path)
            pixels = load_pixels(stored, geometry, max_pixels=config.data.max_pixels)
        except DataError as error:
            rejected.append(Rejected(path, str(error)))
            continue
        batch = torch.from_numpy(pixels).expand(samples, *pixels.shape)
        yield SheetRow(
            manifest.labels[row] or "", path, pixels, augmenter(batch, generator).numpy()
        )


def _in_turn(manifest: Manifest, seed: int) -> list[int]:
    """Return all rows, shuffled, so that the classes take turns."""
    order = np.random.default_rng(seed).permutation(len(manifest))
    turns: dict[str | None, int] = {}
    keyed = []
    for place, row in enumerate(order.tolist()):
        label = manifest.labels[row]
        turns[label] = turns.get(label, -1) + 1
        keyed.append((turns[label], place, row))
    return [row for *_, row in sorted(keyed)]


def _size_px(config: TrainConfig) -> int:
    return config.data.image_size_px or find_backbone(config.backbone.name).size_px


def _geometry(config: TrainConfig, size_px: int) -> Geometry:
    spec, data = find_backbone(config.backbone.name), config.data
    return Geometry(
        mode="squash" if data.geometry == "auto" else data.geometry,
        size_px=size_px,
        interpolation=data.interpolation or spec.interpolation,
        crop_fraction=data.crop_fraction or spec.crop_fraction,
    )


def _title(config: TrainConfig) -> str:
    preset = config.training.augmentation.preset
    own = config.training.augmentation.model_dump(exclude_none=True, exclude={"preset"})
    changed = ", with changes" if own else ""
    return f"Augmentation: {preset}{changed}" if preset else "Augmentation as configured"


def _write(sheet: Path, rows: list[SheetRow], *, title: str, subtitle: str) -> None:
    if sheet.suffix.lower() == ".html":
        write_text(sheet, render_sheet(rows, title=title, subtitle=subtitle))
    else:
        write_bytes(sheet, draw_sheet(rows, title=title, subtitle=subtitle))
