"""Cross-validation folds: stratified, and never splitting a group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def assign_folds(targets: Indices, groups: Sequence[Hashable], *, folds: int, seed: int) -> Indices:
    """Deal rows to folds so that each fold has its share of every class.

    Rows of one group land together; a group counts for the class of its first row.
    Groups are shuffled, then dealt class by class to the fold that has the fewest
    rows of that class.

    Args:
        targets: Class of each row, shape (N,).
        groups: Key of each row's group, length N; unique keys where there are none.
        folds: Number of folds.
        seed: Seed of the shuffle.

    Returns:
        Fold of each row, shape (N,), values 0 to ``folds - 1``.
    """
    _, first, membership, sizes = np.unique(
        _keys(groups), return_index=True, return_inverse=True, return_counts=True
    )
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(targets[first[order]], kind="stable")]
    fold_of_group = np.empty(len(first), dtype=np.int64)
    if (sizes == 1).all():
        fold_of_group[order] = np.arange(len(order)) % folds
    else:
        _deal(fold_of_group, order, targets[first], sizes, folds)
    return fold_of_group[membership]


def _keys(groups: Sequence[Hashable]) -> Indices:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)


def _deal(
    fold_of_group: Indices, order: Indices, classes: Indices, sizes: Indices, folds: int
) -> None:
    filled = np.zeros((int(classes.max()) + 1, folds), dtype=np.int64)
    for group in order:
        row = filled[classes[group]]
        fold = int(np.lexsort((filled.sum(0), row))[0])
        fold_of_group[group] = fold
        row[fold] += sizes[group]
