"""Does one part of the images fare differently from the rest? Fisher's exact test."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_SLACK = 1 + 1e-7
"""Tables whose chance differs by rounding alone count as equally likely, as in R and scipy."""


def fisher_exact(right: int, n: int, rest_right: int, rest_n: int) -> float:
    """Return how often chance alone would set two shares as far apart.

    The two-sided exact test of a table of two by two: the chance, with all sums fixed, of
    a table that is no likelier than the one seen. Fisher, "On the interpretation of
    chi-squared from contingency tables, and the calculation of P", Journal of the Royal
    Statistical Society 85 (1922), doi:10.2307/2340521.

    Args:
        right: Right answers in one part of the images.
        n: How many images that part has.
        rest_right: Right answers among the others.
        rest_n: How many others there are.

    Raises:
        ValueError: More right answers than images, or a negative number.

    >>> round(fisher_exact(1, 10, 11, 14), 4), fisher_exact(3, 6, 5, 10)
    (0.0028, 1.0)
    """
    if not (0 <= right <= n and 0 <= rest_right <= rest_n):
        raise ValueError(f"{right} of {n} and {rest_right} of {rest_n} are no shares")
    return _two_sided(right, n, right + rest_right, n + rest_n)


@lru_cache(maxsize=1024)
def _two_sided(seen: int, part: int, rights: int, total: int) -> float:
    low, high = max(0, part + rights - total), min(part, rights)
    steps = np.arange(low, high)
    # From one table to the next the chance changes by a ratio of whole numbers.
    ratios = (part - steps) * (rights - steps) / ((steps + 1) * (total - part - rights + steps + 1))
    logs = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    chances = np.exp(logs - logs.max())
    as_rare = chances[chances <= chances[seen - low] * _SLACK].sum() / chances.sum()
    return min(1.0, float(as_rare))
