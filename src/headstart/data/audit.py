"""Reading every file once, before anything is trained on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from headstart.data.decoding import ImageHeader, read_header
from headstart.data.digest import content_digest
from headstart.data.leaks import check_leaks
from headstart.data.manifest import Manifest, Rejected
from headstart.errors import DataError, listed
from headstart.parallel import ordered_map
from headstart.progress import Progress

__all__ = ["Audit", "audit", "check_leaks", "check_rejected"]

_CHUNK = 32
"""Files per job: small ones take less time to read than to hand to a thread."""


@dataclass(frozen=True)
class Audit:
    """What reading every file showed.

    Attributes:
        manifest: The rows whose images can be read, in their order, N of them.
        digests: Content digest of each kept row, (N,).
        widths: Width of each kept image in pixels, upright, shape (N,).
        heights: Height of each kept image in pixels, upright, shape (N,).
        formats: Image format -> how many kept images have it, the commonest first.
        rejected: The other files, with the reason.
        read_total: How many files were read, kept or not.
        duplicates: Kept row numbers that share their content, two or more each.
    """

    manifest: Manifest
    digests: tuple[str, ...]
    widths: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    formats: Mapping[str, int]
    rejected: tuple[Rejected, ...]
    read_total: int
    duplicates: tuple[tuple[int, ...], ...]

    @property
    def conflicts(self) -> tuple[tuple[int, ...], ...]:
        """The duplicates that carry different labels."""
        labels = self.manifest.labels
        return tuple(rows for rows in self.duplicates if len({labels[row] for row in rows}) > 1)


@dataclass(frozen=True, slots=True)
class _Finding:
    digest: str
    header: ImageHeader


def audit(manifest: Manifest, *, max_pixels: int, threads: int, progress: Progress) -> Audit:
    """Read every image once: is it whole enough to open, how large is it, is it there twice?

    Args:
        manifest: Images to read; labels and splits are kept as they are.
        max_pixels: Larger images are rejected by their header.
        threads: Files read at a time.
        progress: Told of every file.

    Returns:
        The rows that can be read, in the same order, and the rejected files.
    """
    found = _findings(manifest, max_pixels=max_pixels, threads=threads)
    tracked = list(
        progress.track(found, total=len(manifest), task="reading the images", unit="images")
    )
    kept = {row: it for row, it in enumerate(tracked) if isinstance(it, _Finding)}
    headers = [finding.header for finding in kept.values()]
    digests = tuple(finding.digest for finding in kept.values())
    return Audit(
        manifest=manifest.take(kept),
        digests=digests,
        widths=np.array([header.width for header in headers], dtype=np.int64),
        heights=np.array([header.height for header in headers], dtype=np.int64),
        formats=dict(Counter(header.format for header in headers).most_common()),
        rejected=tuple(it for it in tracked if isinstance(it, Rejected)),
        read_total=len(tracked),
        duplicates=_duplicates(digests),
    )


def check_rejected(
    rejected: Sequence[Rejected],
    counts_before: Mapping[str, int],
    counts_after: Mapping[str, int],
    *,
    allow_bad: bool,
    limit: float = 0.01,
) -> None:
    """Stop if too many files are bad, or a class has none left.

    Args:
        rejected: The bad files.
        counts_before: Class -> images, bad ones among them.
        counts_after: Class -> images without the bad ones.
        allow_bad: Go on with many bad files; a class emptied stops all the same.
        limit: Largest share of bad files that is let pass.

    Raises:
        DataError: Names the counts, the first files and the mend.
    """
    emptied = sorted(name for name, n in counts_before.items() if n and not counts_after.get(name))
    total = sum(counts_before.values())
    summary = f"{len(rejected):,} of {total:,} images cannot be read ({_examples(rejected)})"
    if emptied:
        raise DataError(
            f"no readable image is left of {_plural(len(emptied), 'class', 'classes')} "
            f"{listed(emptied)}: {summary}. Mend these files, or remove the class"
        )
    if len(rejected) > limit * total and not allow_bad:
        raise DataError(
            f"{summary}: more than {limit:.0%}. Mend or remove them, "
            "or go on without them with --allow-bad"
        )


def _findings(
    manifest: Manifest, *, max_pixels: int, threads: int
) -> Iterator[_Finding | Rejected]:
    paths = manifest.paths

    def examine(start: int) -> list[_Finding | Rejected]:
        return [_examine(manifest, path, max_pixels) for path in paths[start : start + _CHUNK]]

    starts = range(0, len(paths), _CHUNK)
    return chain.from_iterable(ordered_map(examine, starts, threads=threads, lookahead=4 * threads))


def _examine(manifest: Manifest, path: str, max_pixels: int) -> _Finding | Rejected:
    try:
        data = manifest.container.read(path)
        return _Finding(content_digest(data), read_header(data, max_pixels=max_pixels))
    except DataError as error:
        return Rejected(path, str(error))


def _duplicates(digests: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        rows[digest].append(row)
    return tuple(tuple(same) for same in rows.values() if len(same) > 1)


def _examples(rejected: Sequence[Rejected]) -> str:
    return listed(f"{bad.path}: {bad.reason}" for bad in rejected)


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else f"the {count:,} {many}"
