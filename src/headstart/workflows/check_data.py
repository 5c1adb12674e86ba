"""The images that a check may look at: never a test split, and no more than a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from headstart.config import TrainConfig
from headstart.data.audit import audit
from headstart.data.inputs import open_images
from headstart.data.listing import looks_like_image
from headstart.data.manifest import Manifest, Rejected
from headstart.errors import DataError, UnlabelledError, listed
from headstart.heads.folds import Indices
from headstart.parallel import cpu_count
from headstart.progress import Progress
from headstart.selection.sampling import stratified_sample
from headstart.workflows.preparation import PreparedData, prepare

_IMAGES: Final = 1000
_IMAGES_A_CLASS: Final = 10
_MOST_IMAGES: Final = 4000
_LOCKED: Final = (
    "{:,} test images were not looked at; 'train' with the same seed and shares locks the same ones"
)
_NO_LABELS: Final = (
    "these images carry no labels to tell apart, so there is no advice on a strategy: "
    "only what the network calls each of them"
)


@dataclass(frozen=True)
class CheckData:
    """Images to check, and a sample of them to look at.

    Attributes:
        manifest: Training and validation images, N of them, or all where none is labelled.
        digests: Content digest of each, length N.
        widths: Pixels across, shape (N,).
        heights: Pixels down, shape (N,).
        sample: Rows to look at, ascending, shape (M,).
        labelled: Whether there are labels to tell apart.
        lossless: Share of images that are no JPEG.
        notes: What was decided or is worth knowing.
    """

    manifest: Manifest
    digests: tuple[str, ...]
    widths: Indices
    heights: Indices
    sample: Indices
    labelled: bool
    lossless: float
    notes: tuple[str, ...]

    @property
    def shown(self) -> Manifest:
        """The sample's images."""
        return self.manifest.take(self.sample)

    @property
    def shown_digests(self) -> list[str]:
        """The sample's content digests."""
        return [self.digests[row] for row in self.sample]

    @property
    def targets(self) -> Indices:
        """Class of each image of the sample, shape (M,); all 0 where there are no labels."""
        if not self.labelled:
            return np.zeros(len(self.sample), dtype=np.int64)
        return self.manifest.label_indices(self.manifest.classes)[self.sample]

    def without(self, rejected: Mapping[int, Rejected]) -> CheckData:
        """Return the data without some rows of the sample, whose pixels cannot be read.

        Raises:
            DataError: None is left.
        """
        if not rejected:
            return self
        kept = [row for at, row in enumerate(self.sample.tolist()) if at not in rejected]
        named = listed((f"{bad.path}: {bad.reason}" for bad in rejected.values()), limit=3)
        note = f"{len(rejected)} of {len(self.sample)} images cannot be read: {named}"
        if not kept:
            raise DataError(note)
        return replace(self, sample=np.array(kept, dtype=np.int64), notes=(*self.notes, note))


def load_check_data(
    data: str | Path, config: TrainConfig, *, images: int | None, cache: Path, progress: Progress
) -> CheckData:
    """Open what the user points at and draw a sample, stratified where there are labels.

    Splits that are missing are made as ``headstart train`` makes them with the same seed
    and shares, so that the images which a training will lock away are not looked at here.

    Args:
        data: Folder, archive or table; images without labels will do.
        config: Seed and settings of the data.
        images: Most images looked at; by default 1,000, or more for many classes.
        cache: Cache folder.
        progress: Who is told.

    Raises:
        DataError: There is nothing usable.
    """
    if looks_like_image(str(data)):
        return _unlabelled(data, config, images, cache, progress)
    try:
        prepared = prepare(data, config.data, seed=config.seed, cache=cache, progress=progress)
    except UnlabelledError:
        return _unlabelled(data, config, images, cache, progress)
    return _labelled(prepared, config.seed, images)


def _labelled(prepared: PreparedData, seed: int, images: int | None) -> CheckData:
    found, pool = prepared.audit, prepared.manifest.rows_in("train", "val")
    manifest = prepared.manifest.take(pool)
    targets = manifest.label_indices(manifest.classes)
    most = images or min(max(_IMAGES, _IMAGES_A_CLASS * len(manifest.classes)), _MOST_IMAGES)
    locked = len(prepared.manifest) - len(pool)
    return CheckData(
        manifest=manifest,
        digests=tuple(prepared.digests[row] for row in pool),
        widths=found.widths[pool],
        heights=found.heights[pool],
        sample=stratified_sample(targets, most, seed),
        labelled=True,
        lossless=_lossless(found.formats),
        notes=(
            _LOCKED.format(locked),
            *_rejected_notes(found.rejected),
            *prepared.notes,
        ),
    )


def _unlabelled(
    data: str | Path, config: TrainConfig, images: int | None, cache: Path, progress: Progress
) -> CheckData:
    with progress.wait("opening the data"):
        source = open_images([data], cache=cache)
    found = audit(source, max_pixels=config.data.max_pixels, threads=cpu_count(), progress=progress)
    if not len(found.manifest):
        raise DataError(f"no image of {data} can be read: {_rejected_notes(found.rejected)[0]}")
    alike = np.zeros(len(found.manifest), dtype=np.int64)
    return CheckData(
        manifest=found.manifest,
        digests=found.digests,
        widths=found.widths,
        heights=found.heights,
        sample=stratified_sample(alike, images or _IMAGES, config.seed),
        labelled=False,
        lossless=_lossless(found.formats),
        notes=(
            _NO_LABELS,
            *_rejected_notes(found.rejected),
        ),
    )


def _lossless(formats: Mapping[str, int]) -> float:
    counts = Counter(formats)
    return 1 - counts["JPEG"] / max(1, counts.total())


def _rejected_notes(rejected: Iterable[Rejected]) -> list[str]:
    bad = [f"{it.path}: {it.reason}" for it in rejected]
    return [f"{len(bad)} files cannot be read: {listed(bad, limit=3)}"] if bad else []
