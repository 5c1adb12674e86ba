"""A sample small enough to be quick, in which every class still counts."""

from __future__ import annotations

import numpy as np

from headstart.heads.folds import Indices

_FEW = 10
"""Images that every class has in a sample if it has them at all and there is room."""


def stratified_sample(targets: Indices, most: int, seed: int) -> Indices:
    """Draw rows so that every class has its share, and at least a few images.

    Args:
        targets: Class of each row, shape (N,).
        most: Largest number of rows drawn; all are where there are no more.
        seed: Seed of the draw.

    Returns:
        Rows, ascending, shape (min(N, most),).

    >>> targets = np.array([0] * 95 + [1] * 5)
    >>> np.bincount(targets[stratified_sample(targets, 20, seed=0)]).tolist()
    [15, 5]
    """
    classes, members = np.unique(targets, return_inverse=True)
    few = min(_FEW, most // max(1, len(classes)))
    order = np.random.default_rng(seed).permutation(len(targets))
    rank = np.empty(len(targets))
    for index in range(len(classes)):
        mine = order[members[order] == index]
        rank[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        rank[mine[:few]] -= 1
    return np.sort(np.argsort(rank, kind="stable")[:most])
