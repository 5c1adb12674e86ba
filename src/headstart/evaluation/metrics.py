"""The figures themselves, each equal to scikit-learn's where it has the same one.

Those of a decision work on :class:`ClassCounts`, for one sample or for thousands of
resamples at once. Those of a probability are sums of a loss over images.
"""

from __future__ import annotations

import numpy as np

from headstart.evaluation.counts import Bools, ClassCounts, Floats, Ints, ratio
from headstart.evaluation.reliability import CALIBRATION_BINS, calibration_gaps

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to this, so that no log-likelihood is infinite."""


def accuracy(probabilities: Floats, targets: Ints) -> float:
    """Return the share of images whose most probable class is the true one."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def top_k_accuracy(probabilities: Floats, targets: Ints, *, k: int = 5) -> float:
    """Return the share of images whose true class is among the ``k`` most probable."""
    return float(within_top_k(probabilities, targets, k=k).mean())


def within_top_k(probabilities: Floats, targets: Ints, *, k: int) -> Bools:
    """Return whether each image's true class is among the ``k`` most probable, shape (N,).

    Of equally probable classes the earlier one counts as the more probable, as in argmax.
    """
    own = np.take_along_axis(probabilities, targets[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < targets[:, None]
    ahead = (probabilities > own) | ((probabilities == own) & earlier)
    return np.asarray(ahead.sum(axis=1) < k, np.bool_)


def balanced_accuracy(counts: ClassCounts) -> Floats:
    """Return the mean recall over the classes that have images, shape (...)."""
    return ratio(counts.recall.sum(axis=-1), (counts.support > 0).sum(axis=-1))


def f1_macro(counts: ClassCounts) -> Floats:
    """Return the mean F1 over the classes that are true or predicted somewhere, shape (...)."""
    return ratio(counts.f1.sum(axis=-1), counts.occurs.sum(axis=-1))


def f1_weighted(counts: ClassCounts) -> Floats:
    """Return the mean F1 weighted by how many images each class has, shape (...)."""
    return ratio((counts.f1 * counts.support).sum(axis=-1), counts.support.sum(axis=-1))


def nll(probabilities: Floats, targets: Ints) -> float:
    """Return the mean negative log-likelihood, in nats (the cross-entropy, or log loss)."""
    return float(nll_losses(probabilities, targets).mean())


def brier(probabilities: Floats, targets: Ints) -> float:
    """Return the mean Brier score, summed over classes: 0 is perfect, 2 the worst.

    Brier, "Verification of forecasts expressed in terms of probability" (1950).
    """
    return float(brier_losses(probabilities, targets).mean())


def ece(probabilities: Floats, targets: Ints, *, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error of the most probable class.

    The mean gap between confidence and accuracy over equal bins of confidence,
    weighted by their images. Guo et al., "On calibration of modern neural
    networks", ICML 2017.
    """
    gaps = calibration_gaps(probabilities, targets, bins=bins)
    return float(np.abs(gaps.mean(axis=0)).sum())


def nll_losses(probabilities: Floats, targets: Ints) -> Floats:
    """Return each image's negative log-likelihood in nats, shape (N,)."""
    own = np.take_along_axis(probabilities, targets[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(own, SMALLEST_PROBABILITY, 1.0)), np.float64)


def brier_losses(probabilities: Floats, targets: Ints) -> Floats:
    """Return each image's Brier score, summed over classes, shape (N,)."""
    own = np.take_along_axis(probabilities, targets[:, None], axis=1)[:, 0]
    return np.asarray((probabilities**2).sum(axis=1) - own**2 + (1 - own) ** 2, np.float64)
