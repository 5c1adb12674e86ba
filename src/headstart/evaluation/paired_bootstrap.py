"""Differences between classifiers, resampled on the same images.

Efron and Tibshirani, "An introduction to the bootstrap" (1993): both classifiers are
judged on each resample, so what makes an image hard for both cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from headstart.evaluation import metrics
from headstart.evaluation.bootstrap import Resampling, gathered_counts, resample_counts
from headstart.evaluation.counts import ClassCounts, Floats, Ints
from headstart.evaluation.intervals import Estimate, normal_quantile


@dataclass(frozen=True, slots=True)
class PairedReplicates:
    """What M classifiers reach on R resamples, the same for all.

    Attributes:
        accuracy: Of shape (M, R).
        f1_macro: Of shape (M, R).
        class_f1: Of shape (M, R, K).
        nll: Mean negative log-likelihood, shape (M, R); NaN for one without probabilities.
    """

    accuracy: Floats
    f1_macro: Floats
    class_f1: Floats
    nll: Floats


def paired_replicates(
    predictions: Sequence[Ints],
    targets: Ints,
    losses: Floats,
    *,
    classes: int,
    resampling: Resampling,
) -> PairedReplicates:
    """Judge M classifiers on the same resamples of the images.

    Args:
        predictions: Predicted classes of each classifier, M arrays of shape (N,).
        targets: True classes, shape (N,), values in [0, K).
        losses: Negative log-likelihood of each image, shape (M, N).
        classes: How many classes there are, K.
        resampling: How many resamples, and which.
    """
    tallies = [_Tally.of(said, targets, classes) for said in predictions]
    parts: list[list[ClassCounts]] = [[] for _ in tallies]
    means = []
    draws = resample_counts(len(targets), resamples=resampling.resamples, seed=resampling.seed)
    for weights in draws:
        by_image = np.ascontiguousarray(weights.T)
        for tally, counts in zip(tallies, parts, strict=True):
            counts.append(tally.recount(by_image))
        means.append(losses @ by_image / len(targets))
    joined = [_joined(counts) for counts in parts]
    return PairedReplicates(
        accuracy=np.stack([counts.hits.sum(axis=1) / len(targets) for counts in joined]),
        f1_macro=np.stack([metrics.f1_macro(counts) for counts in joined]),
        class_f1=np.stack([counts.f1 for counts in joined]),
        nll=np.concatenate(means, axis=1),
    )


def difference_interval(
    value: float, replicates: Floats, *, n: int, instead: Estimate, confidence: float
) -> Estimate:
    """Return a difference with the middle share of what it was on the resamples.

    Args:
        value: The difference on the sample itself, which the interval is made to hold.
        replicates: The difference on each resample, shape (R,).
        n: How many images the sample has.
        instead: What to go by where every resample gives the same: two classifiers that
            never differed here say nothing about the images on which they would.
        confidence: How often such an interval is to hold the true difference, in (0, 1).
    """
    if np.ptp(replicates) <= 1e-12:
        return Estimate(value, min(value, instead.low), max(value, instead.high))
    tail = expanded_tail(n, confidence)
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return Estimate(value, min(value, float(low)), max(value, float(high)))


def expanded_tail(n: int, confidence: float) -> float:
    """Return the share of resamples beyond each end of an interval.

    Percentiles of a bootstrap are as narrow as an interval that divides by ``n`` and looks
    up the normal, not Student's, distribution; from 200 images on this hardly matters.
    Hesterberg, "What teachers should know about the bootstrap", The American Statistician
    69 (2015), doi:10.1080/00031305.2015.1089789. Student's quantile by its expansion.

    >>> [round(expanded_tail(n, 0.95), 4) for n in (20, 200, 100_000)]
    [0.0159, 0.024, 0.025]
    """
    z, freedom = normal_quantile(confidence), max(1, n - 1)
    student = z + (z**3 + z) / (4 * freedom)
    student += (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom * freedom)
    return NormalDist().cdf(-student * math.sqrt(n / freedom))


@dataclass(frozen=True, slots=True)
class _Tally:
    """One classifier's images in the order of their confusion cells.

    Attributes:
        order: Rows, cell by cell, shape (N,).
        starts: Where each occupied cell begins, shape (C,).
        cells: Which cells these are, shape (C,).
        classes: How many classes there are.
    """

    order: Ints
    starts: Ints
    cells: Ints
    classes: int

    @classmethod
    def of(cls, predictions: Ints, targets: Ints, classes: int) -> _Tally:
        places = targets * classes + predictions
        order = np.argsort(places, kind="stable")
        cells, starts = np.unique(places[order], return_index=True)
        return cls(order, starts, cells, classes)

    def recount(self, weights: Ints) -> ClassCounts:
        """Count classes (r, K) on resamples that drew each image so often, shape (N, r)."""
        in_cells = np.add.reduceat(weights[self.order], self.starts, axis=0)
        return gathered_counts(np.ascontiguousarray(in_cells.T), self.cells, self.classes)


def _joined(parts: Sequence[ClassCounts]) -> ClassCounts:
    return ClassCounts(
        hits=np.concatenate([part.hits for part in parts]),
        support=np.concatenate([part.support for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
    )
