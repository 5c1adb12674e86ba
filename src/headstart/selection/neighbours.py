"""How well the nearest neighbours tell the class: no training at all."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from headstart.errors import DataError
from headstart.evaluation import Estimate, wilson
from headstart.heads.folds import Indices, assign_folds

NEIGHBOURS = 20
_TEMPERATURE = 0.07
_BLOCK_ROWS = 1024

Vectors = npt.NDArray[np.float32]


def knn_accuracy(
    features: Vectors,
    targets: Indices,
    groups: Sequence[Hashable],
    *,
    neighbours: int = NEIGHBOURS,
    folds: int = 5,
    seed: int = 0,
) -> Estimate:
    """Return the cross-validated accuracy of nearest neighbours, with its Wilson interval.

    Args:
        features: float32, shape (N, D).
        targets: Class of each row, shape (N,).
        groups: Rows with one key are held out together, length N.
        neighbours: How many vote.
        folds: Number of folds.
        seed: Seed of the folds.

    Raises:
        DataError: All rows are of one group, so that none can be held out.
    """
    predicted = knn_predictions(
        features, targets, groups, neighbours=neighbours, folds=folds, seed=seed
    )
    return wilson(int((predicted == targets).sum()), len(targets))


def knn_predictions(
    features: Vectors,
    targets: Indices,
    groups: Sequence[Hashable],
    *,
    neighbours: int = NEIGHBOURS,
    folds: int = 5,
    seed: int = 0,
) -> Indices:
    """Return the class that its neighbours in the other folds give each row, shape (N,).

    The nearest by cosine vote, each with weight ``exp(similarity / 0.07)`` (Wu et al.,
    2018, arXiv:1805.01978). Arguments and errors are those of :func:`knn_accuracy`.
    """
    fold_of = assign_folds(targets, groups, folds=folds, seed=seed)
    if len(targets) and (fold_of == fold_of[0]).all():
        raise DataError("every image is of one group: none can be held out to test on the others")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    predicted = np.empty(len(targets), dtype=np.int64)
    for fold in np.unique(fold_of):
        known, asked = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        for start in range(0, len(asked), _BLOCK_ROWS):
            rows = asked[start : start + _BLOCK_ROWS]
            similarity = torch.from_numpy(directions[rows]) @ torch.from_numpy(directions[known]).T
            predicted[rows] = _vote(similarity.numpy(), targets[known], neighbours)
    return predicted


def _vote(similarity: Vectors, targets: Indices, neighbours: int) -> Indices:
    """Return the class that wins in each row of a matrix of similarities, shape (M,)."""
    used = min(neighbours, similarity.shape[1])
    nearest = np.argpartition(-similarity, used - 1, axis=1)[:, :used]
    close = np.take_along_axis(similarity, nearest, axis=1)
    weights = np.exp((close - close.max(axis=1, keepdims=True)) / _TEMPERATURE)
    votes = np.zeros((len(similarity), int(targets.max()) + 1))
    np.add.at(votes, (np.arange(len(similarity))[:, None], targets[nearest]), weights)
    winners: Indices = votes.argmax(axis=1)
    return winners
