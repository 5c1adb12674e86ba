"""Intervals that allow for skewness, where plain percentiles of the bootstrap are too narrow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from headstart.evaluation.counts import ClassCounts, Floats, Ints
from headstart.evaluation.intervals import Estimate, normal_quantile, percentile_interval

_NORMAL = NormalDist()
_LEAST_ROOM = 1e-3
_MOST_NUMBERS = 4_000_000
"""Occupied cells times classes above which plain percentiles do: there are many images then."""


def mean_interval(values: Floats, *, worst: float, confidence: float) -> Estimate | None:
    """Return the mean of losses with an interval that allows for their skewness.

    Hall's transformation of Student's t by the third moment: "On the removal of skewness by
    transformation", JRSS B 54 (1992), doi:10.1111/j.2517-6161.1992.tb01876.x. A few large
    losses among many small ones make the mean of a sample, and its spread, too low together.

    Args:
        values: A loss for each image, 0 or more, shape (N,).
        worst: The greatest it can be.
        confidence: How often such an interval is to hold the true mean, in (0, 1).

    Returns:
        ``None`` where the values do not differ: they say nothing of what was not seen.

    >>> print(mean_interval(np.array([0.1] * 9 + [2.0]), worst=36.0, confidence=0.95))
    0.290 [0.044, 1.586]
    """
    n, mean = len(values), float(values.mean())
    centred = values - mean
    variance = float(np.square(centred).mean())
    if n < 2 or variance <= (1e-12 * worst) ** 2:
        return None
    skewness = float((centred**3).mean()) / variance**1.5 / math.sqrt(n)
    error = math.sqrt(variance / (n - 1))
    reach = normal_quantile(confidence)
    low, high = (mean - error * _untransformed(it, skewness) for it in (reach, -reach))
    return Estimate(mean, max(0.0, min(low, mean)), min(worst, max(high, mean)))


def _untransformed(quantile: float, skewness: float) -> float:
    """Return which t is transformed to a normal quantile."""
    if abs(skewness) < 1e-9:
        return quantile
    inner = 1 + skewness * (quantile - skewness / 6)
    return (math.copysign(abs(inner) ** (1 / 3), inner) - 1) * 3 / skewness


def count_interval(
    figure: Callable[[ClassCounts], Floats],
    predictions: Ints,
    targets: Ints,
    replicates: Floats,
    *,
    classes: int,
    confidence: float,
) -> Estimate:
    """Return a figure of class counts with its interval.

    Args:
        figure: Works it out, for counts of shape (..., K).
        predictions: Predicted classes, shape (N,).
        targets: True classes, shape (N,).
        replicates: The figure on each resample, shape (R,).
        classes: How many there are, K.
        confidence: How often such an interval is to hold the true figure, in (0, 1).
    """
    value = float(figure(ClassCounts.of_predictions(predictions, targets, classes=classes)))
    bounds = _Bounds(len(targets), confidence)
    cells, counts = np.unique(targets * classes + predictions, return_counts=True)
    if len(cells) * classes > _MOST_NUMBERS:
        return bounds.plain(value, replicates)
    left_out = figure(_without_one(cells, counts, classes))
    return _accelerated(value, replicates, left_out, counts, bounds)


def _without_one(cells: Ints, counts: Ints, classes: int) -> ClassCounts:
    """Return the counts without one image of each occupied cell, each of shape (C, K)."""
    true, predicted = np.divmod(cells, classes)
    here = np.arange(len(cells))
    gone = np.zeros((3, len(cells), classes), np.int64)
    gone[0, here, true] = true == predicted
    gone[1, here, true] = 1
    gone[2, here, predicted] = 1
    right = true == predicted
    return ClassCounts(
        hits=np.bincount(true[right], counts[right], classes).astype(np.int64) - gone[0],
        support=np.bincount(true, counts, classes).astype(np.int64) - gone[1],
        predicted=np.bincount(predicted, counts, classes).astype(np.int64) - gone[2],
    )


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Of how many images a share is, and how sure its interval is to be."""

    n: int
    confidence: float

    def plain(self, value: float, replicates: Floats) -> Estimate:
        return percentile_interval(
            value, replicates, n=self.n, worst=1.0, confidence=self.confidence
        )


def _accelerated(
    value: float,
    replicates: Floats,
    left_out: Floats,
    counts: Ints,
    bounds: _Bounds,
) -> Estimate:
    """Return a share with percentiles of its resamples, moved by their bias and skewness.

    The bias-corrected and accelerated bootstrap (BCa) of Efron, "Better bootstrap confidence
    intervals", JASA 82 (1987), doi:10.1080/01621459.1987.10478410.

    Args:
        value: The share on the sample itself, which the interval is made to hold.
        replicates: The share on each resample, shape (R,).
        left_out: The share without one image, for each kind of image, shape (J,).
        counts: How many images are of each kind, shape (J,).
        bounds: What the interval is to be.
    """
    away = np.average(left_out, weights=counts) - left_out
    squares = float(counts @ away**2)
    if np.ptp(replicates) <= 1e-12 or squares <= 0:
        return bounds.plain(value, replicates)
    acceleration = float(counts @ away**3) / (6 * squares**1.5)
    tail = (1 - bounds.confidence) / 2
    shares = [_moved(share, _bias(value, replicates), acceleration) for share in (tail, 1 - tail)]
    low, high = np.quantile(replicates, shares).tolist()
    return Estimate(value, min(value, low), max(value, high))


def _bias(value: float, replicates: Floats) -> float:
    """Return how far the figure lies from the middle of its resamples, in deviations."""
    below = np.mean((replicates < value) + (replicates == value) / 2)
    least = 1 / (2 * len(replicates))
    return _NORMAL.inv_cdf(float(np.clip(below, least, 1 - least)))


def _moved(share: float, bias: float, acceleration: float) -> float:
    deviations = bias + _NORMAL.inv_cdf(share)
    room = max(1 - acceleration * deviations, _LEAST_ROOM)
    return _NORMAL.cdf(bias + deviations / room)
