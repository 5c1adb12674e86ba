"""Confidence against accuracy, bin by bin: the reliability curve and what its gaps add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.evaluation.counts import Floats, Ints

CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The images whose confidence fell between two bounds.

    Attributes:
        low: Lower bound of the confidence, not included (but for 0).
        high: Upper bound, included.
        count: How many images.
        confidence: Their mean confidence.
        accuracy: The share of them that was right: equal to it, if confidence is honest.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability_curve(
    probabilities: Floats, targets: Ints, bins: int = CALIBRATION_BINS
) -> tuple[ReliabilityBin, ...]:
    """Compare confidence with accuracy in bins of equal width, leaving out empty ones.

    Args:
        probabilities: Of shape (N, K).
        targets: True classes, shape (N,).
        bins: How many parts [0, 1] is cut into.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == targets).astype(np.float64)
    index = confidence_bins(confidence, bins)
    counts = np.bincount(index, minlength=bins)
    confidences = np.bincount(index, weights=confidence, minlength=bins)
    rights = np.bincount(index, weights=right, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=int(b) / bins,
            high=(int(b) + 1) / bins,
            count=int(counts[b]),
            confidence=float(confidences[b] / counts[b]),
            accuracy=float(rights[b] / counts[b]),
        )
        for b in np.flatnonzero(counts)
    )


def confidence_bins(confidence: Floats, bins: int = CALIBRATION_BINS) -> Ints:
    """Return which of the equal bins ``(b / bins, (b + 1) / bins]`` each value is in.

    >>> confidence_bins(np.array([0.0, 0.5, 0.51, 1.0]), bins=2).tolist()
    [0, 0, 1, 1]
    """
    index: Ints = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(np.int64)
    return index


def calibration_gaps(
    probabilities: Floats, targets: Ints, *, bins: int = CALIBRATION_BINS
) -> Floats:
    """Return each image's confidence minus whether it was right, in its bin's column.

    Returns:
        Gaps of shape (N, bins), 0 in the other columns: the ECE of any sample of the
        images is the sum of the absolute column means.
    """
    confidence = probabilities.max(axis=1)
    gaps = np.zeros((len(targets), bins))
    right = probabilities.argmax(axis=1) == targets
    gaps[np.arange(len(targets)), confidence_bins(confidence, bins)] = confidence - right
    return gaps


def errors_by_chance(
    confidence: Floats, *, resamples: int, seed: int, bins: int = CALIBRATION_BINS
) -> Floats:
    """Draw the calibration errors that a perfectly calibrated classifier would show.

    Even honest confidence misses the accuracy of a finite sample: in each bin the
    number of right answers varies as a sum of coins, here taken as normal. Broecker
    and Smith, "Increasing the reliability of reliability diagrams" (2007).

    Args:
        confidence: Probability of each image's most probable class, shape (N,).
        resamples: How many to draw, R.
        seed: The same seed gives the same draws.
        bins: How many bins the calibration error has.

    Returns:
        Calibration errors of shape (R,).
    """
    variances = np.clip(confidence * (1 - confidence), 0, None)
    in_bins = np.bincount(confidence_bins(confidence, bins), weights=variances, minlength=bins)
    draws = np.random.default_rng(seed).standard_normal((resamples, bins))
    return np.asarray((np.abs(draws) * np.sqrt(in_bins)).sum(axis=1) / len(confidence), np.float64)
