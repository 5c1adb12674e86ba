"""Train, validation and test: what the user gave is kept, what is missing is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from headstart.data.manifest import SPLITS, Manifest, Split
from headstart.data.stratify import stratify
from headstart.data.units import Ints, linked_units
from headstart.errors import ConfigError, DataError, listed
from headstart.files import write_csv

SMALL_TEST: Final = 10
"""A class with fewer test images is pointed out: its figures are guesses."""

_NEED: Final[tuple[Split, ...]] = ("train", "test", "val")
"""The order in which a class too small for all splits gets into them."""


@dataclass(frozen=True)
class SplitResult:
    """A split for every row.

    Attributes:
        splits: ``train``, ``val`` or ``test`` of each row, (N,).
        notes: What was decided, and what to be careful about, one line each.
    """

    splits: tuple[Split, ...]
    notes: tuple[str, ...]


def make_splits(
    manifest: Manifest, digests: Sequence[str], *, val: float, test: float, seed: int
) -> SplitResult:
    """Complete the splits of a manifest, stratified by class.

    A split that the user gave stays. Splits that are missing are carved from the
    training images, or from all if none was given. Images of one group, and
    copies of the same content, land together. The result depends on the contents
    and the seed, not on the order of the rows or the names of the files.

    Args:
        manifest: N labelled rows.
        digests: Content digest of each row, (N,).
        val: Share of all images for validation, if that split has to be made.
        test: Share of all images for the test, if that split has to be made.
        seed: Seed of all chance.

    Raises:
        ConfigError: The shares are negative or leave nothing to train on.
        DataError: A class cannot be in both train and test, or the splits that
            were given leave none of it to train on.
    """
    _refuse_shares(val, test)
    units = linked_units(digests, manifest.groups)
    labels = manifest.label_indices(manifest.classes)
    notes: list[str] = []
    splits = _placed(manifest.splits, units, notes)
    shares = _shares(set(manifest.splits) - {None}, val=val, test=test)
    _refuse_untrained(manifest, splits)
    pool = _pool(splits, units)
    if len(shares) > 1 and len(pool):
        if "test" in shares:
            _refuse_single(manifest, pool, units)
        parts = np.unique(units[pool], return_inverse=True)[1]
        rng = np.random.default_rng(seed)
        dealt = stratify(parts, labels[pool], tuple(shares.values()), rng=rng)
        names = tuple(shares)
        for row, index in zip(pool.tolist(), dealt.tolist(), strict=True):
            splits[row] = names[index]
        notes.append(_made_note(splits, shares, seed))
    return SplitResult(tuple(splits), (*notes, *_small_notes(manifest.labels, splits)))


def write_split_csv(path: Path, manifest: Manifest) -> None:
    """Write ``image_path,label,split`` (and ``group`` where there is any), whole.

    Beside the images, as ``split.csv``, the file is read back as their source.

    Args:
        path: Where to write.
        manifest: Rows with splits.

    Raises:
        StorageError: The disk is full or refuses.
    """
    header = ["image_path", "label", "split"]
    columns: list[Sequence[str | None]] = [manifest.paths, manifest.labels, manifest.splits]
    if any(group is not None for group in manifest.groups):
        header.append("group")
        columns.append(manifest.groups)
    blank_free = ((cell or "" for cell in row) for row in zip(*columns, strict=True))
    write_csv(path, header, (list(row) for row in blank_free))


def _placed(given: Sequence[Split | None], units: Ints, notes: list[str]) -> list[Split]:
    """Put every row where it is given; those without a split to their like, or into train."""
    home = {
        unit: split for unit, split in zip(units.tolist(), given, strict=True) if split is not None
    }
    splits: list[Split] = [
        split or home.get(unit, "train") for unit, split in zip(units.tolist(), given, strict=True)
    ]
    blank = sum(split is None for split in given)
    if home and blank:
        notes.append(
            f"{blank:,} images have no split in a table that gives some: taken for train, "
            "or put with their group or copies"
        )
    return splits


def _shares(given: set[Split | None], *, val: float, test: float) -> dict[Split, float]:
    """Return the shares in which the training images are dealt, the neediest split first."""
    wished: dict[Split, float] = {"test": test, "val": val}
    made = {split: wished[split] for split in _NEED[1:] if split not in given and wished[split]}
    kept = 1.0 - sum(wished[split] for split in wished if split in given)
    shares = {split: share / kept for split, share in made.items()}
    return {"train": 1.0 - sum(shares.values()), **shares}


def _pool(splits: Sequence[Split], units: Ints) -> Ints:
    """Return the training rows that may be moved: those without copies in another split."""
    held = {unit for unit, split in zip(units.tolist(), splits, strict=True) if split != "train"}
    return np.array([row for row, u in enumerate(units.tolist()) if u not in held], dtype=np.int64)


def _refuse_shares(val: float, test: float) -> None:
    if min(val, test) < 0 or val + test >= 1:
        raise ConfigError(
            f"shares of {val:g} for validation and {test:g} for the test leave nothing to train "
            "on: expected two numbers from 0 that sum to less than 1, such as 0.1 and 0.1"
        )


def _refuse_untrained(manifest: Manifest, splits: Sequence[Split]) -> None:
    counts = _counts(manifest.labels, splits)
    untrained = [name for name in manifest.classes if not counts["train"][name]]
    if untrained:
        raise DataError(
            f"the splits that were given hold no training images of {listed(untrained)}: "
            "move some into train, or remove these classes"
        )


def _refuse_single(manifest: Manifest, pool: Ints, units: Ints) -> None:
    """Refuse classes of one unit, which cannot be in both train and test."""
    held: dict[str, set[int]] = {}
    for row in pool.tolist():
        held.setdefault(str(manifest.labels[row]), set()).add(int(units[row]))
    images = manifest.class_counts()
    single = [name for name in sorted(held) if len(held[name]) == 1]
    if single:
        found = listed(f"{name} ({_amount(images[name])})" for name in single)
        raise DataError(
            "every class needs at least two images that are neither copies nor of one group, "
            f"one to train on and one to test on: {found} cannot be split. "
            "Add images of these classes, or remove them"
        )


def _amount(images: int) -> str:
    return "1 image" if images == 1 else f"{images:,} images that belong together"


def _made_note(splits: Sequence[Split], shares: Mapping[Split, float], seed: int) -> str:
    counts = Counter(splits)
    made = [split for split in SPLITS if split in shares]
    sizes = ", ".join(f"{counts[split]:,} {split}" for split in made)
    wished = " / ".join(f"{shares[split]:.3g}" for split in made)
    what = "splits" if len(made) == len(SPLITS) else f"{made[-1]} split, from the training images,"
    return f"{what} made by class with seed {seed}: {sizes} (wished {wished})"


def _small_notes(labels: Sequence[str | None], splits: Sequence[Split]) -> list[str]:
    counts = _counts(labels, splits)
    names = sorted({label for label in labels if label is not None})
    notes = []
    small = [name for name in names if counts["test"][name] < SMALL_TEST]
    if small and counts["test"]:
        found = listed(f"{name} ({counts['test'][name]})" for name in small)
        notes.append(
            f"fewer than {SMALL_TEST} test images, so that their figures are uncertain: {found}"
        )
    absent = [name for name in names if not counts["val"][name]]
    if absent and counts["val"]:
        notes.append(f"no validation images, so that they do not guide choices: {listed(absent)}")
    return notes


def _counts(
    labels: Sequence[str | None], splits: Sequence[Split]
) -> dict[Split, Counter[str | None]]:
    counts: dict[Split, Counter[str | None]] = {split: Counter() for split in SPLITS}
    for label, split in zip(labels, splits, strict=True):
        counts[split][label] += 1
    return counts
