"""Figures that come with the interval they can be trusted to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from headstart.evaluation.counts import Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure measured on a sample, and the interval its true value plausibly lies in.

    Attributes:
        value: The figure on the sample itself; always inside the interval.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Return the triple as ``metrics.json`` holds it."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """Return a share of independent trials with its Wilson score interval.

    Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927). Unlike the textbook ``p +- 2 s`` it holds for few trials and for
    shares near 0 and 1.

    Args:
        successes: How many trials succeeded, 0 to ``n``.
        n: How many trials there were. None at all is a value of 0 in [0, 1].
        confidence: How often such an interval is to hold the true share, in (0, 1).

    Raises:
        ValueError: ``successes`` is not within 0 and ``n``.

    >>> print(wilson(9, 10))
    0.900 [0.596, 0.982]
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials: expected 0 to {n}")
    return wilson_of_share(successes / n if n else 0.0, n, confidence=confidence)


def wilson_of_share(share: float, n: int, *, confidence: float = 0.95) -> Estimate:
    """Return the Wilson interval of the mean of ``n`` values that each lie in [0, 1].

    No variable in [0, 1] spreads more than one that is only ever 0 or 1, so for
    other values the interval is on the wide side.

    Args:
        share: The mean, in [0, 1].
        n: How many values it is the mean of; 0 gives [0, 1].
        confidence: How often such an interval is to hold the true mean, in (0, 1).

    >>> print(wilson_of_share(1.0, 1))
    1.000 [0.207, 1.000]
    """
    z = normal_quantile(confidence)
    if n == 0:
        return Estimate(share, 0.0, 1.0)
    shrink = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / shrink
    reach = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Estimate(
        share, max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))
    )


def f1_interval(hits: int, misses: int, *, confidence: float = 0.95) -> Estimate:
    """Return one class's F1 with a Wilson interval.

    F1 is ``2 J / (1 + J)`` with ``J = hits / (hits + misses)``. Of the images that the
    class touches at all, each is a hit with chance ``J``: a plain share, whose Wilson
    interval carries over because F1 only grows with it. Lam, Gopal and Qian,
    "Confidence intervals for the F1 score: a comparison of four methods" (2023).

    Args:
        hits: Images of the class that were also predicted as it.
        misses: Images of the class predicted as another, and of others predicted as it.
        confidence: How often such an interval is to hold the true F1, in (0, 1).

    >>> print(f1_interval(8, 2))
    0.889 [0.658, 0.971]
    """
    jaccard = wilson(hits, hits + misses, confidence=confidence)
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    return Estimate(value, low, high)


def percentile_interval(
    value: float, replicates: Floats, *, n: int, worst: float, confidence: float
) -> Estimate:
    """Return a figure with the middle share of what it was on the resamples.

    Where every resample gives the same (one image, or not a single error) they say
    nothing about what was not seen: then the Wilson interval stands in.

    Args:
        value: The figure on the sample itself, which the interval is made to hold.
        replicates: The figure on each resample, shape (R,).
        n: How many images the sample has.
        worst: The greatest value the figure can have; its smallest is 0.
        confidence: How often such an interval is to hold the true figure, in (0, 1).
    """
    if np.ptp(replicates) <= 1e-12 * worst:
        share = wilson_of_share(min(1.0, value / worst), n, confidence=confidence)
        return Estimate(value, min(value, share.low * worst), max(value, share.high * worst))
    low, high = _middle(replicates, confidence)
    return Estimate(value, min(value, low), max(value, high))


def calibration_interval(
    value: float, replicates: Floats, by_chance: Floats, *, n: int, confidence: float
) -> Estimate:
    """Return a calibration error with an interval that allows for its bias.

    A sum of absolute gaps grows with noise, and grows again when it is resampled, so the
    percentiles lie too high: the lower end is mirrored at the value (the basic bootstrap).
    Mirrored too, the upper end could fall on the value itself, as if nothing could be worse
    than what was measured; it lies at least as far above the value as the resamples spread
    below their own median. The interval reaches down to 0 where perfect calibration could
    well have come out as badly.

    Args:
        value: The error on the sample itself, in [0, 1].
        replicates: The error on each resample, shape (R,).
        by_chance: Errors of a perfectly calibrated classifier on such samples, shape (R,).
        n: How many images the sample has.
        confidence: How often such an interval is to hold the true error, in (0, 1).
    """
    plain = percentile_interval(value, replicates, n=n, worst=1.0, confidence=confidence)
    if np.ptp(replicates) > 1e-12:
        low, high = _middle(replicates, confidence)
        above = max(value, float(np.median(replicates))) - low
        plain = Estimate(
            value, max(0.0, min(value, 2 * value - high)), min(1.0, value + max(0.0, above))
        )
    if value <= _middle(by_chance, confidence)[1]:
        return Estimate(value, 0.0, plain.high)
    return plain


def normal_quantile(confidence: float) -> float:
    """Return how many standard deviations a two-sided interval reaches.

    Raises:
        ValueError: ``confidence`` is not between 0 and 1.

    >>> round(normal_quantile(0.95), 2)
    1.96
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: expected a share between 0 and 1, like 0.95")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _middle(replicates: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return float(low), float(high)
