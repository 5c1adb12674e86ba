"""How few errors a share of errors allows: exact binomial tails, without scipy."""

from __future__ import annotations

import math

import numpy as np

_STEPS = 40


def at_most(errors: int, n: int, rate: float) -> float:
    """Return the chance of so few errors, or fewer, where each trial errs at ``rate``.

    Args:
        errors: How many, 0 to ``n``.
        n: How many independent trials.
        rate: Chance of an error in each, in [0, 1].

    Raises:
        ValueError: ``errors`` is not within 0 and ``n``.

    >>> round(at_most(0, 149, 0.02), 4)
    0.0493
    """
    if not 0 <= errors <= n:
        raise ValueError(f"{errors} errors in {n} trials: expected 0 to {n}")
    if errors == n or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    steps = np.arange(1, errors + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log((n - steps + 1) / steps))])
    counts = np.arange(errors + 1)
    logs = ways + counts * math.log(rate) + (n - counts) * math.log1p(-rate)
    return min(1.0, float(np.exp(logs).sum()))


def least_share(right: int, n: int, *, confidence: float = 0.95) -> float:
    """Return the one-sided Clopper-Pearson bound: what a true share is at least.

    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26 (1934), doi:10.1093/biomet/26.4.404.

    Args:
        right: How many trials succeeded.
        n: How many there were; none says nothing, so 0.
        confidence: How often such a bound is to lie below the true share, in (0, 1).

    Raises:
        ValueError: ``right`` is not within 0 and ``n``.

    >>> round(least_share(149, 149), 4)
    0.9801
    """
    if not 0 <= right <= n:
        raise ValueError(f"{right} successes in {n} trials: expected 0 to {n}")
    if right == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        rate = (low + high) / 2
        if at_most(n - right, n, rate) > 1 - confidence:
            low = rate
        else:
            high = rate
    return 1 - high


def fewest_without_error(share: float, *, confidence: float = 0.95) -> int:
    """Return how many trials without an error it takes to show a share.

    Args:
        share: What the true share is to be at least, in (0, 1).
        confidence: How sure that is to be, in (0, 1).

    >>> fewest_without_error(0.98)
    149
    """
    return math.ceil(math.log(1 - confidence) / math.log(share))
