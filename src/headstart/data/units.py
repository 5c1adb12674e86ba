"""Images that must not be parted: one group's, or copies of the same content."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def linked_units(digests: Sequence[str], groups: Sequence[str | None]) -> Ints:
    """Number the sets of rows that are linked by content or by group, at any remove.

    Units are numbered in the order of their smallest digest, so the numbers depend
    neither on the order of the rows nor on where the files lie.

    Args:
        digests: Content digest of each row, ASCII, (N,).
        groups: Group of each row, or ``None``, (N,).

    Returns:
        Unit of each row, shape (N,), from 0 up without gaps.

    >>> linked_units(["d", "a", "b", "a"], ["left", None, "left", None]).tolist()
    [1, 0, 1, 0]
    """
    if not digests:
        return np.zeros(0, dtype=np.int64)
    names, content = np.unique(np.array(digests, dtype=np.bytes_), return_inverse=True)
    roots = _joined(len(names), content.tolist(), groups)
    _, units = np.unique(roots[content], return_inverse=True)
    return units.astype(np.int64)


def _joined(count: int, content: list[int], groups: Sequence[str | None]) -> Ints:
    """Return the smallest content that each content is linked to by groups (union-find)."""
    parent = list(range(count))
    first: dict[str, int] = {}
    for own, group in zip(content, groups, strict=True):
        if group is not None:
            one, other = _root(parent, own), _root(parent, first.setdefault(group, own))
            parent[max(one, other)] = min(one, other)
    roots = np.array(parent, dtype=np.int64)
    while not np.array_equal(roots, roots[roots]):
        roots = roots[roots]
    return roots


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node
