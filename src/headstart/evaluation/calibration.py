"""Making confidence mean what it says: temperature scaling, and the curve that checks it.

Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headstart.evaluation.counts import Floats
from headstart.evaluation.reliability import ReliabilityBin, reliability_curve

__all__ = ["ReliabilityBin", "fit_temperature", "reliability_curve", "softmax"]

TEMPERATURE_BOUNDS = (0.05, 20.0)


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Turn logits into probabilities, in float64 and without overflow.

    Args:
        logits: Scores of shape (..., K).
        temperature: What they are divided by first; above 1 lowers the confidence.

    Returns:
        Probabilities of shape (..., K) that sum to 1 along the last axis.

    Raises:
        ValueError: The temperature is not above 0.

    >>> softmax([0.0, 1000.0]).tolist()
    [0.0, 1.0]
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}: expected a number above 0")
    scores = np.asarray(logits, np.float64)
    powers = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)


def fit_temperature(logits: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """Find the temperature at which the logits' likelihood is best.

    The negative log-likelihood is convex in ``1 / T``, so Newton's method inside a
    shrinking bracket finds its one minimum.

    Args:
        logits: Scores of images the head was not fitted on, shape (N, K).
        targets: True classes, shape (N,), values in [0, K).

    Returns:
        The temperature, within [0.05, 20]. Where every image is right the likelihood
        only grows with confidence: the lower bound is the answer. Without images, 1.

    Raises:
        ValueError: The shapes do not fit, or a logit is not finite.
    """
    scores, labels = np.asarray(logits, np.float64), np.asarray(targets, np.int64)
    if scores.size == 0 and labels.size == 0:
        return 1.0
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"logits of shape {scores.shape} and targets of shape {labels.shape}: "
            "expected (N, K) and (N,)"
        )
    if not np.isfinite(scores).all():
        raise ValueError("some logits are NaN or infinite: the temperature cannot be fitted")
    margins = scores - np.take_along_axis(scores, labels[:, None], axis=1)
    return 1.0 / _best_inverse_temperature(margins)


def _best_inverse_temperature(margins: Floats) -> float:
    """Minimise ``mean(logsumexp(beta * margins))`` over beta, for margins (N, K)."""
    low, high = 1 / TEMPERATURE_BOUNDS[1], 1 / TEMPERATURE_BOUNDS[0]
    if _slopes(margins, high)[0] < 0:
        return high
    beta = 1.0
    for _ in range(100):
        slope, curvature = _slopes(margins, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = beta - slope / curvature if curvature > 0 else beta
        step = min(max(step, low), high)
        if abs(step - beta) <= 1e-9 * beta:
            return step
        beta = step if low < step < high else (low * high) ** 0.5
    return beta


def _slopes(margins: Floats, beta: float) -> tuple[float, float]:
    """Return the first and second derivative of the mean loss at ``beta``."""
    shares = softmax(margins, 1 / beta)
    means = (shares * margins).sum(axis=1)
    squares = (shares * margins**2).sum(axis=1)
    return float(means.mean()), float((squares - means**2).mean())
