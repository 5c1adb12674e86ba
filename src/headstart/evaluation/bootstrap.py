"""How much a figure would vary had other images been drawn: the bootstrap, vectorised.

Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7
(1979). A resample is only a count per image, so a resampled confusion matrix is a
segmented sum of counts, and a resampled loss is a matrix product with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from headstart.evaluation.counts import ClassCounts, Floats, Ints

_CHUNK = 2**21


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are drawn.

    Attributes:
        resamples: How many resamples, R.
        seed: The same seed gives the same resamples.
        confidence: How often an interval is to hold the true figure, in (0, 1).

    Raises:
        ValueError: No resample is asked for.
    """

    resamples: int = 1000
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ValueError(f"resamples is {self.resamples}: expected 1 or more, usually 1000")


@dataclass(frozen=True, slots=True)
class Replicates:
    """What many resamples of one sample add up to.

    Attributes:
        counts: Class counts, each of shape (R, K).
        losses: Mean of every column of every loss, each of shape (R, m).
    """

    counts: ClassCounts
    losses: Mapping[str, Floats]


def resample_counts(n: int, *, resamples: int, seed: int) -> Iterator[Ints]:
    """Draw ``n`` of ``n`` images with replacement, again and again.

    Yields:
        How often each image was drawn, shape (r, n), a few resamples at a time so that
        memory stays bounded; ``resamples`` rows in all, each of sum ``n``.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK // n)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(n, size=(count, n))
        drawn += np.arange(0, count * n, n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n)


def replicate(
    predictions: Ints,
    targets: Ints,
    losses: Mapping[str, Floats],
    *,
    classes: int,
    resampling: Resampling,
) -> Replicates:
    """Recount classes and losses on every resample.

    Args:
        predictions: Predicted classes, shape (N,), values in [0, K).
        targets: True classes, shape (N,), values in [0, K).
        losses: Any number of per-image columns under each name, each of shape (N, m).
        classes: How many classes there are, K.
        resampling: How many resamples, and which.
    """
    order = np.lexsort((predictions, targets))
    cells, starts = np.unique((targets * classes + predictions)[order], return_index=True)
    columns = np.concatenate([loss[order] for loss in losses.values()], axis=1)
    in_cells, sums = [], []
    draws = resample_counts(len(targets), resamples=resampling.resamples, seed=resampling.seed)
    for weights in draws:
        in_cells.append(np.add.reduceat(weights, starts, axis=1))
        sums.append(weights.astype(np.float64) @ columns)
    widths = [loss.shape[1] for loss in losses.values()]
    means = np.split(np.concatenate(sums) / len(targets), np.cumsum(widths)[:-1], axis=1)
    counts = gathered_counts(np.concatenate(in_cells), cells, classes)
    return Replicates(counts, dict(zip(losses, means, strict=True)))


def gathered_counts(in_cells: Ints, cells: Ints, classes: int) -> ClassCounts:
    """Gather counts of occupied confusion cells into counts per class.

    Args:
        in_cells: Images in each occupied cell of each resample, shape (R, C).
        cells: Which cells these are, true class times K plus predicted class, shape (C,).
        classes: How many classes there are, K.

    Returns:
        Counts of shape (R, K).
    """
    true, predicted = np.divmod(cells, classes)
    hits = np.where(true == predicted, in_cells, 0)
    return ClassCounts(
        hits=_summed_by(hits, true, classes),
        support=_summed_by(in_cells, true, classes),
        predicted=_summed_by(in_cells, predicted, classes),
    )


def _summed_by(values: Ints, groups: Ints, size: int) -> Ints:
    """Sum columns (R, C) that belong to the same of ``size`` groups, giving (R, size)."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    summed = np.zeros((len(values), size), np.int64)
    summed[:, present] = np.add.reduceat(values[:, order], starts, axis=1)
    return summed
