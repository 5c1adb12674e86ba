"""What is known of each judged image at a glance: measured once, kept in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from headstart.data.manifest import Manifest
from headstart.data.traits import ImageTraits, image_traits
from headstart.errors import DataError
from headstart.evaluation.counts import Ints
from headstart.evaluation.slices import Trait
from headstart.files import write_csv
from headstart.parallel import cpu_count, ordered_map

TRAITS: Final = "image_traits.csv"
MOST: Final = 10_000
"""Images measured at most, evenly spread: enough for every quarter to be known to a point."""
_CHUNK: Final = 16
_COLUMNS: Final = tuple(field.name for field in fields(ImageTraits))


@dataclass(frozen=True)
class TraitTable:
    """Traits of M of N images.

    Attributes:
        rows: Which images these are, shape (M,), ascending.
        traits: Theirs, M of them.
    """

    rows: Ints
    traits: tuple[ImageTraits, ...]

    def described(self) -> list[Trait]:
        """Return what images can be told apart by, for :func:`slice_accuracy`."""
        return [
            Trait(
                "image size",
                self._numbers("pixels"),
                ("smallest", "smaller", "larger", "largest"),
                size_text,
            ),
            Trait("width / height", self._numbers("aspect"), _ASPECTS),
            Trait("brightness", self._numbers("brightness"), _BRIGHTNESSES),
            Trait("sharpness", self._numbers("sharpness"), _SHARPNESSES, "{:,.0f}".format),
            Trait("file format", np.array([it.format for it in self.traits], dtype=np.str_)),
        ]

    def _numbers(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([getattr(it, name) for it in self.traits], dtype=np.float64)

    def kept(self, rows: Ints) -> TraitTable:
        """Return what is known of some of the images, by their place among these."""
        place = {int(row): index for index, row in enumerate(rows)}
        mine = [(place[row], it) for row, it in self._pairs() if row in place]
        return TraitTable(np.array([row for row, _ in mine], np.int64), tuple(it for _, it in mine))

    def _pairs(self) -> Iterator[tuple[int, ImageTraits]]:
        return zip(self.rows.tolist(), self.traits, strict=True)

    def write(self, folder: Path, images: Sequence[str]) -> None:
        """Write ``image_traits.csv``.

        Args:
            folder: Where to.
            images: Name of each of the N images.
        """
        rows = ([images[row], *_rounded(it)] for row, it in self._pairs())
        write_csv(folder / TRAITS, ["path", *_COLUMNS], rows)


_ASPECTS: Final = ("tallest", "taller", "wider", "widest")
_BRIGHTNESSES: Final = ("darkest", "darker", "brighter", "brightest")
_SHARPNESSES: Final = ("softest", "softer", "sharper", "sharpest")


def size_text(pixels: float) -> str:
    """Write a number of pixels.

    >>> size_text(1024), size_text(196_608), size_text(12_192_768)
    ('1,024 pixels', '0.197 megapixels', '12.2 megapixels')
    """
    return f"{pixels:,.0f} pixels" if pixels < 1e5 else f"{pixels / 1e6:.3g} megapixels"


def measure_traits(manifest: Manifest, *, max_pixels: int, most: int = MOST) -> TraitTable:
    """Measure images, or evenly spread ones of very many; unreadable ones are left out.

    Args:
        manifest: N images.
        max_pixels: Limit on width x height.
        most: How many to measure at most.
    """
    total = len(manifest)
    chosen = np.unique(np.linspace(0, total - 1, min(total, most)).round().astype(np.int64))

    def measure(start: int) -> list[tuple[int, ImageTraits | None]]:
        some = chosen[start : start + _CHUNK].tolist()
        return [(row, _measured(manifest, row, max_pixels)) for row in some]

    threads = cpu_count()
    chunks = ordered_map(
        measure, range(0, len(chosen), _CHUNK), threads=threads, lookahead=4 * threads
    )
    found = [(row, it) for chunk in chunks for row, it in chunk if it is not None]
    return TraitTable(np.array([row for row, _ in found], np.int64), tuple(it for _, it in found))


def read_traits(folder: Path, images: Sequence[str]) -> TraitTable | None:
    """Read ``image_traits.csv``, or ``None`` where there is none.

    Args:
        folder: A run's.
        images: Name of each judged image; others in the table are passed over.

    Raises:
        DataError: The table is damaged.
    """
    file = folder / TRAITS
    if not file.is_file():
        return None
    try:
        table = pl.read_csv(file, schema_overrides={"path": pl.String, "format": pl.String})
        known = {
            path: ImageTraits(int(width), int(height), kind, float(brightness), float(sharpness))
            for path, width, height, kind, brightness, sharpness in table.select(
                "path", *_COLUMNS
            ).iter_rows()
        }
    except (OSError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file} cannot be read: {error}. Remove it to go on without") from error
    found = [(row, known[path]) for row, path in enumerate(images) if path in known]
    return TraitTable(np.array([row for row, _ in found], np.int64), tuple(it for _, it in found))


def _measured(manifest: Manifest, row: int, max_pixels: int) -> ImageTraits | None:
    try:
        data = manifest.container.read(manifest.paths[row])
        return image_traits(data, max_pixels=max_pixels)
    except DataError:
        return None


def _rounded(it: ImageTraits) -> list[object]:
    return [f"{value:.6g}" if isinstance(value, float) else value for value in astuple(it)]
