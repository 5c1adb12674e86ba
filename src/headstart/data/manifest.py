"""The table that everything downstream reads: one row per image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""Decoded image, uint8, shape (height, width, 3), RGB."""

ImageData: TypeAlias = bytes | Pixels
"""An image as it is stored: encoded bytes, or pixels already in memory."""

Split: TypeAlias = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class Container(Protocol):
    """Where bytes live: a folder, an archive, a list of paths, arrays in memory.

    Reading is thread-safe. Names are POSIX paths relative to the container.
    """

    @property
    def location(self) -> str:
        """What the user pointed at, for messages."""
        ...

    def names(self) -> list[str]:
        """Return the name of every file inside, sorted by code point."""
        ...

    def read(self, name: str) -> ImageData:
        """Return one file's content.

        Raises:
            DataError: It is missing or cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that was set aside: named and counted, never replaced or deleted."""

    path: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """Images with their labels and splits, as parallel columns in a fixed order.

    Attributes:
        container: Where the bytes are.
        paths: Name of each image inside the container, shape (N,).
        labels: Class name of each image, or ``None`` for data without labels.
        splits: ``train``, ``val`` or ``test``, or ``None`` while not assigned.
        groups: Key of images that must share a split (one patient, one object).
        ignored: Files that were not taken for images: reason -> how many.
    """

    container: Container
    paths: tuple[str, ...]
    labels: tuple[str | None, ...]
    splits: tuple[Split | None, ...]
    groups: tuple[str | None, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(self.paths), len(self.labels), len(self.splits), len(self.groups)}
        assert len(lengths) == 1, "manifest columns differ in length"

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class name that occurs, sorted."""
        return tuple(sorted({label for label in self.labels if label is not None}))

    def class_counts(self) -> dict[str, int]:
        """Return class name -> number of images, in class order."""
        counts = Counter(self.labels)
        return {name: counts[name] for name in self.classes}

    def label_indices(self, classes: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return each row's label as its position in ``classes``, shape (N,).

        Raises:
            KeyError: A row has a label that is not among ``classes``, or none.
        """
        position: dict[str | None, int] = {name: index for index, name in enumerate(classes)}
        return np.array([position[label] for label in self.labels], dtype=np.int64)

    def rows_in(self, *splits: Split) -> npt.NDArray[np.int64]:
        """Return the row numbers that belong to any of the splits, ascending."""
        wanted = set(splits)
        return np.array([i for i, s in enumerate(self.splits) if s in wanted], dtype=np.int64)

    def take(self, rows: Iterable[int]) -> Manifest:
        """Return the manifest of just these rows, in the order given."""
        kept = [int(row) for row in rows]
        return replace(
            self,
            paths=tuple(self.paths[i] for i in kept),
            labels=tuple(self.labels[i] for i in kept),
            splits=tuple(self.splits[i] for i in kept),
            groups=tuple(self.groups[i] for i in kept),
        )

    def with_splits(self, splits: Sequence[Split | None]) -> Manifest:
        """Return the same rows with these splits."""
        return replace(self, splits=tuple(splits))
