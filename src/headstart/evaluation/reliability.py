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
    probabilities: Floats, targets: Ints, bins: int = CALIBRATION_BINS, *, adaptive: bool = False
) -> tuple[ReliabilityBin, ...]:
    """Compare confidence with accuracy in bins, leaving out empty ones.

    Args:
        probabilities: Of shape (N, K).
        targets: True classes, shape (N,).
        bins: How many parts [0, 1] is cut into.
        adaptive: Whether these hold equally many images; else they are equally wide.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == targets).astype(np.float64)
    edges = adaptive_edges(confidence, bins) if adaptive else np.linspace(0, 1, bins + 1)
    bins = len(edges) - 1
    index = adaptive_bins(confidence, edges) if adaptive else confidence_bins(confidence, bins)
    counts = np.bincount(index, minlength=bins)
    confidences = np.bincount(index, weights=confidence, minlength=bins)
    rights = np.bincount(index, weights=right, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
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


def adaptive_edges(confidence: Floats, bins: int = CALIBRATION_BINS) -> Floats:
    """Return bounds from 0 to 1 between which about equally many values lie.

    Where most are near 1, as with a good classifier, equal widths leave most bins empty
    and put nearly all in one. Nixon et al., "Measuring calibration in deep learning",
    CVPR workshops 2019 (arXiv:1904.01685).

    Args:
        confidence: Shape (N,), N above 0.
        bins: How many there are at most; values that are equal stay in one bin.

    >>> adaptive_edges(np.array([0.4, 0.9, 0.95, 0.99]), bins=2).tolist()
    [0.0, 0.9, 1.0]
    """
    ordered = np.sort(confidence)
    last = np.linspace(0, len(ordered), min(bins, len(ordered)) + 1)[1:-1].astype(np.int64) - 1
    inner = ordered[last]
    return np.unique(np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]]))


def adaptive_bins(confidence: Floats, edges: Floats) -> Ints:
    """Return which bin ``(edges[b], edges[b + 1]]`` each value is in, shape (N,)."""
    return np.clip(np.searchsorted(edges, confidence) - 1, 0, len(edges) - 2).astype(np.int64)


def calibration_gaps(
    probabilities: Floats,
    targets: Ints,
    *,
    bins: int = CALIBRATION_BINS,
    index: Ints | None = None,
) -> Floats:
    """Return each image's confidence minus whether it was right, in its bin's column.

    Args:
        probabilities: Of shape (N, K).
        targets: True classes, shape (N,).
        bins: How many bins there are.
        index: Which of them each image is in, shape (N,); equally wide ones where not given.

    Returns:
        Gaps of shape (N, bins), 0 in the other columns: the ECE of any sample of the
        images is the sum of the absolute column means.
    """
    confidence = probabilities.max(axis=1)
    gaps = np.zeros((len(targets), bins))
    right = probabilities.argmax(axis=1) == targets
    columns = confidence_bins(confidence, bins) if index is None else index
    gaps[np.arange(len(targets)), columns] = confidence - right
    return gaps


def errors_by_chance(
    confidence: Floats,
    *,
    resamples: int,
    seed: int,
    bins: int = CALIBRATION_BINS,
    index: Ints | None = None,
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
        index: Which of them each image is in, shape (N,); equally wide ones where not given.

    Returns:
        Calibration errors of shape (R,).
    """
    variances = np.clip(confidence * (1 - confidence), 0, None)
    columns = confidence_bins(confidence, bins) if index is None else index
    in_bins = np.bincount(columns, weights=variances, minlength=bins)
    draws = np.random.default_rng(seed).standard_normal((resamples, bins))
    return np.asarray((np.abs(draws) * np.sqrt(in_bins)).sum(axis=1) / len(confidence), np.float64)
