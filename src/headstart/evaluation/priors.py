"""Classes that are commoner or rarer where a model is used than where it was trained.

Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori
probabilities", Neural Computation 14 (2002), doi:10.1162/089976602753284446. In terms of
logits it is an addition of ``log(new / trained)``: Menon et al., "Long-tail learning via
logit adjustment", ICLR 2021 (arXiv:2007.07314).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from headstart.evaluation.counts import Floats
from headstart.evaluation.intervals import Estimate, normal_quantile

_STEPS = 2000
_CLOSE = 1e-9


def adjust_priors(probabilities: Floats, *, trained: Floats, new: Floats) -> Floats:
    """Return what probabilities become where classes have other shares.

    Args:
        probabilities: Calibrated, shape (N, K).
        trained: Share of each class among the training images, above 0, shape (K,).
        new: Share of each class where the answers are used, above 0, shape (K,).

    Returns:
        Probabilities of shape (N, K), rows that sum to 1.

    >>> even = np.array([0.5, 0.5])
    >>> adjust_priors(np.array([[0.5, 0.5]]), trained=even, new=np.array([0.9, 0.1])).tolist()
    [[0.9, 0.1]]
    """
    weighted = probabilities * (new / trained)
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True), np.float64)


@dataclass(frozen=True)
class PriorEstimate:
    """The shares of classes among images whose classes nobody said.

    Attributes:
        n: How many images it was estimated from.
        priors: Estimated shares, shape (K,).
        intervals: Each with its interval, K of them.
        p_value: The chance of answers that speak as much for other shares than the
            training images', had these the same (likelihood ratio test).
    """

    n: int
    priors: Floats
    intervals: tuple[Estimate, ...]
    p_value: float


def estimate_priors(
    probabilities: Floats, *, trained: Floats, confidence: float = 0.95
) -> PriorEstimate:
    """Estimate shares of classes from answers alone, by expectation maximisation.

    As many images as there are classes are thought to be added, with the training shares: a
    class that is not among a few images is not ruled out for good (a Dirichlet prior). The
    penalised likelihood is concave, so the one maximum is found. Intervals come from its
    curvature there; they allow for few images, not for a badly calibrated model.

    Args:
        probabilities: Calibrated, under the training shares, shape (N, K), N above 0.
        trained: Share of each class among the training images, above 0, shape (K,).
        confidence: How often such an interval is to hold the true share, in (0, 1).

    Raises:
        ValueError: There are no images.
    """
    if not len(probabilities):
        raise ValueError("there are no images to estimate priors from")
    ratios, added = probabilities / trained, len(trained) * trained
    priors = _maximised(ratios, trained, added)
    gain = float(np.log(ratios @ priors).sum() - np.log(ratios @ trained).sum())
    spread = normal_quantile(confidence) * _deviations(ratios, priors, added)
    return PriorEstimate(
        n=len(probabilities),
        priors=priors,
        intervals=tuple(
            Estimate(p, max(0.0, p - s), min(1.0, p + s))
            for p, s in zip(priors.tolist(), spread.tolist(), strict=True)
        ),
        p_value=chi_square_tail(max(0.0, 2 * gain), len(trained) - 1),
    )


def chi_square_tail(value: float, degrees: int) -> float:
    """Return the chance that a chi-square variable exceeds a value, in closed form.

    >>> round(chi_square_tail(3.841, 1), 3), round(chi_square_tail(5.991, 2), 3)
    (0.05, 0.05)
    """
    half = value / 2
    odd = degrees % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for step in range(degrees // 2):
        power = step + odd / 2
        if half > 0 or power == 0:
            log = power * math.log(half) if power else 0.0
            total += math.exp(log - half - math.lgamma(power + 1))
    return min(1.0, total)


def _maximised(ratios: Floats, start: Floats, added: Floats) -> Floats:
    priors: Floats = start
    for _ in range(_STEPS):
        joint = ratios * priors
        counts = (joint / joint.sum(axis=1, keepdims=True)).sum(axis=0) + added
        better: Floats = counts / counts.sum()
        if np.abs(better - priors).max() < _CLOSE:
            return better
        priors = better
    return priors


def _deviations(ratios: Floats, priors: Floats, added: Floats) -> Floats:
    """Return standard deviations from the observed information, along sums of 1."""
    scores = ratios / (ratios @ priors)[:, None]
    information = scores.T @ scores + np.diag(added / priors**2)
    basis = np.linalg.svd(np.ones((1, len(priors))))[2][1:]
    covariance: Floats = basis.T @ np.linalg.inv(basis @ information @ basis.T) @ basis
    return np.asarray(np.sqrt(np.clip(np.diagonal(covariance), 0.0, None)), np.float64)
