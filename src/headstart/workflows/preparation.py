"""From what the user points at to audited images, every one in a split."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.config import DataConfig
from headstart.data.audit import Audit, audit, check_rejected
from headstart.data.leaks import check_leaks
from headstart.data.manifest import Manifest, Rejected
from headstart.data.sources import open_source
from headstart.data.splits import make_splits
from headstart.errors import listed
from headstart.parallel import cpu_count
from headstart.progress import Progress


@dataclass(frozen=True)
class PreparedData:
    """Audited images with splits.

    Attributes:
        audit: What reading them showed; its manifest has every split filled.
        counts: Class -> images before any was set aside.
        notes: What was decided or is worth knowing, a sentence each.
    """

    audit: Audit
    counts: dict[str, int]
    notes: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        """The rows that can be used."""
        return self.audit.manifest

    @property
    def digests(self) -> tuple[str, ...]:
        """Content digest of each row."""
        return self.audit.digests

    @property
    def shares(self) -> dict[str, float]:
        """Class -> its share of the images that can be used."""
        counts = self.manifest.class_counts()
        return {name: count / len(self.manifest) for name, count in counts.items()}

    def without(self, rejected: dict[int, Rejected]) -> PreparedData:
        """Return the data without rows whose pixels turned out to be unreadable."""
        if not rejected:
            return self
        kept = [row for row in range(len(self.manifest)) if row not in rejected]
        smaller = replace(
            self.audit,
            manifest=self.manifest.take(kept),
            digests=tuple(self.digests[row] for row in kept),
            widths=self.audit.widths[kept],
            heights=self.audit.heights[kept],
            rejected=(*self.audit.rejected, *rejected.values()),
        )
        return replace(self, audit=smaller)


def prepare(
    data: str | Path, config: DataConfig, *, seed: int, cache: Path, progress: Progress
) -> PreparedData:
    """Open, audit and split labelled images.

    Raises:
        DataError: There is nothing usable, too much is bad, or one image is in two
            splits; see :mod:`headstart.data`.
    """
    with progress.wait("opening the data"):
        source = open_source(data, cache=cache)
    counts = source.class_counts()
    found = audit(source, max_pixels=config.max_pixels, threads=cpu_count(), progress=progress)
    kept = found.manifest
    check_rejected(found.rejected, counts, kept.class_counts(), allow_bad=config.allow_bad)
    leaks = check_leaks(kept, found.digests, allow_leaks=config.allow_leaks)
    made = make_splits(kept, found.digests, val=config.val, test=config.test, seed=seed)
    complete = replace(found, manifest=kept.with_splits(made.splits))
    notes = (*made.notes, *_leak_notes(leaks), *_duplicate_notes(complete))
    return PreparedData(complete, counts, notes)


def fold_keys(manifest: Manifest, digests: Sequence[str]) -> list[Hashable]:
    """Return the key by which rows are held out together: their group, or their content."""
    pairs = zip(manifest.groups, digests, strict=True)
    return [digest if group is None else ("group", group) for group, digest in pairs]


def data_digest(manifest: Manifest, digests: Sequence[str]) -> str:
    """Return a digest of the images' contents and labels, whatever their order and names."""
    rows = sorted(
        f"{digest} {label}" for digest, label in zip(digests, manifest.labels, strict=True)
    )
    return hashlib.blake2b("\n".join(rows).encode(), digest_size=16).hexdigest()


def _leak_notes(leaks: Sequence[tuple[str, str]]) -> list[str]:
    if not leaks:
        return []
    pairs = listed((" = ".join(pair) for pair in leaks), limit=3)
    return [f"{len(leaks)} images lie in two splits, which was allowed: {pairs}"]


def _duplicate_notes(found: Audit) -> list[str]:
    notes = []
    if found.duplicates:
        copies = sum(len(rows) - 1 for rows in found.duplicates)
        notes.append(f"{copies} images are exact copies of others")
    if found.conflicts:
        manifest = found.manifest
        pairs = [
            " = ".join(f"{manifest.paths[row]} ({manifest.splits[row]})" for row in rows)
            for rows in found.conflicts
        ]
        notes.append(
            f"{len(pairs)} images carry different labels in different places, "
            f"look at them: {listed(pairs, limit=3)}"
        )
    return notes
