"""The same image, or the same group, on both sides of a split that the user gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from headstart.data.manifest import Manifest, Split
from headstart.errors import DataError, listed

Leak: TypeAlias = tuple[int, int]
"""Two row numbers, of different splits, that share what they must not."""


def check_leaks(
    manifest: Manifest, digests: Sequence[str], *, allow_leaks: bool
) -> tuple[tuple[str, str], ...]:
    """Stop if the same content, or one group, lies in two of the splits that were given.

    Rows without a split cannot leak: they are assigned later, with their like. Copies
    that carry different labels cannot flatter a model; they are no leak but a conflict,
    which :attr:`headstart.data.audit.Audit.conflicts` names.

    Args:
        manifest: N rows, with the splits that the user gave.
        digests: Content digest of each row, (N,).
        allow_leaks: Go on all the same.

    Returns:
        The leaks by content, as pairs of paths; none unless ``allow_leaks``.

    Raises:
        DataError: Names the count, the first ten pairs and the mend.
    """
    contents = [f"{d} {label}" for d, label in zip(digests, manifest.labels, strict=True)]
    same = _across(manifest.splits, contents)
    grouped = _across(manifest.splits, manifest.groups)
    if (same or grouped) and not allow_leaks:
        raise DataError(_message(manifest, same, grouped))
    return tuple((manifest.paths[first], manifest.paths[second]) for first, second in same)


def _across(splits: Sequence[Split | None], keys: Sequence[str | None]) -> list[Leak]:
    """Return, for each key and each further split it occurs in, the first rows that show it."""
    first: dict[str, int] = {}
    seen: set[tuple[str, Split]] = set()
    leaks = []
    for row, (key, split) in enumerate(zip(keys, splits, strict=True)):
        if key is None or split is None or (key, split) in seen:
            continue
        seen.add((key, split))
        earlier = first.setdefault(key, row)
        if earlier != row:
            leaks.append((earlier, row))
    return leaks


def _message(manifest: Manifest, same: Sequence[Leak], grouped: Sequence[Leak]) -> str:
    parts = []
    if same:
        pairs = listed(f"{_place(manifest, a)} = {_place(manifest, b)}" for a, b in same)
        parts.append(f"{_times(len(same), 'image lies', 'images lie')} in two splits: {pairs}")
    if grouped:
        pairs = listed(
            f"{manifest.groups[a]!r} ({_place(manifest, a)}, {_place(manifest, b)})"
            for a, b in grouped
        )
        parts.append(f"{_times(len(grouped), 'group spans', 'groups span')} two splits: {pairs}")
    return (
        f"{'; '.join(parts)}. Scores would flatter the model: keep each in one split, "
        "or go on all the same with --allow-leaks"
    )


def _place(manifest: Manifest, row: int) -> str:
    path, split = manifest.paths[row], manifest.splits[row]
    parts = path.split("/")
    return path if split in parts else f"{path} ({split})"


def _times(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
