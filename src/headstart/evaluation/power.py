"""How small a difference a number of images can show, and how many a difference needs."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

POWER: Final = 0.8
"""Chance of finding a true difference that is called detectable: four times of five."""
_STEPS = 60


def images_needed(
    difference: float, disagreement: float, *, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Return how many images a paired test needs to find a difference of accuracy.

    Connor, "Sample size for testing differences in proportions for the paired-sample
    design", Biometrics 43 (1987), doi:10.2307/2531961.

    Args:
        difference: The true difference of the two accuracies, in [-1, 1].
        disagreement: Share of images that exactly one of the two gets right, at least
            the difference.
        alpha: Chance of a false alarm that is put up with, two-sided.
        power: Chance of finding the difference.

    Returns:
        The number, or ``None`` where there is no difference to find.

    >>> images_needed(0.05, 0.15), images_needed(0.0, 0.1)
    (469, None)
    """
    if not difference:
        return None
    return math.ceil(_needed(abs(difference), disagreement, alpha, power))


def detectable_difference(
    n: int, disagreement: float, *, alpha: float = 0.05, power: float = POWER
) -> float | None:
    """Return the smallest difference of accuracy that ``n`` images would likely show.

    It is where :func:`images_needed` is ``n``.

    Args:
        n: How many images both classifiers answered.
        disagreement: Share of images that exactly one of the two gets right; a
            difference needs at least as much disagreement as it is large.
        alpha: Chance of a false alarm that is put up with, two-sided.
        power: Chance of finding the difference.

    Returns:
        The difference, or ``None`` where so few images show none at all.

    >>> round(detectable_difference(431, 0.1), 3)
    0.043
    """
    if _needed(1.0, 1.0, alpha, power) > n:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _needed(middle, max(disagreement, middle), alpha, power) > n:
            low = middle
        else:
            high = middle
    return high


def _needed(difference: float, disagreement: float, alpha: float, power: float) -> float:
    found, alarm = NormalDist().inv_cdf(power), NormalDist().inv_cdf(1 - alpha / 2)
    spread = math.sqrt(max(0.0, disagreement - difference * difference))
    reach = alarm * math.sqrt(disagreement) + found * spread
    return reach * reach / (difference * difference)
