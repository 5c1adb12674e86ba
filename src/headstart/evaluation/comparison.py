"""Are two classifiers that answered the same images really different?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.evaluation.intervals import Estimate, normal_quantile

_FLIPS = 10_000
_FLIPS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two classifiers on the same images.

    Attributes:
        only_first: Images that only the first got right.
        only_second: Images that only the second got right.
        p_value: How often chance alone would make these two differ as much.
        difference: Accuracy of the first less that of the second, with its interval.
    """

    only_first: int
    only_second: int
    p_value: float
    difference: Estimate


def mcnemar(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], *, confidence: float = 0.95
) -> PairedTest:
    """Compare two classifiers by McNemar's exact test on the images they disagree on.

    McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947), doi:10.1007/BF02295996; the
    p-value is that of the two-sided binomial test. The interval of the difference is
    that of Agresti and Min, Statistics in Medicine 24 (2005), doi:10.1002/sim.1781:
    Wald's with half an image added to each of the four cells.

    Args:
        first: Which images the first got right, shape (N,).
        second: Which the second got right, shape (N,).
        confidence: How often such an interval is to hold the true difference, in (0, 1).

    >>> first, second = np.repeat([True, False], [9, 1]), np.repeat([True, False], [1, 9])
    >>> test = mcnemar(first, second)
    >>> test.only_first, test.only_second, round(test.p_value, 4)
    (8, 0, 0.0078)
    """
    wins, losses = int((first & ~second).sum()), int((second & ~first).sum())
    p_value = _binomial_two_sided(min(wins, losses), wins + losses)
    return PairedTest(wins, losses, p_value, _difference(wins, losses, len(first), confidence))


def lower_by_chance(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], *, seed: int = 0
) -> float:
    """Return how often chance alone would put the first's mean as far below the second's.

    A one-sided test by random sign flips of the paired differences (Fisher, The Design of
    Experiments, 1935, section 21): no assumption on how losses are distributed.

    Args:
        first: A loss on each of N images.
        second: The same of another classifier, on the same images.
        seed: Of the flips.

    Returns:
        The p-value, 1 / 10,001 at least.

    >>> lower_by_chance(np.full(20, 0.1), np.full(20, 0.3))
    9.999000099990002e-05
    """
    difference = first - second
    draws = np.random.default_rng(seed)
    as_low = 0
    for _ in range(_FLIPS // _FLIPS_AT_ONCE):
        signs = 1 - 2 * draws.integers(0, 2, (_FLIPS_AT_ONCE, len(difference)), dtype=np.int8)
        as_low += int((signs @ difference <= difference.sum()).sum())
    return (as_low + 1) / (_FLIPS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests so that one false alarm among all stays rare.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - place) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def _binomial_two_sided(fewer: int, trials: int) -> float:
    """Return twice the chance of at most ``fewer`` heads of a fair coin, 1 at most."""
    places = np.arange(1, fewer + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log((trials - places + 1) / places))])
    return min(1.0, 2 * float(np.exp(logs - trials * math.log(2)).sum()))


def _difference(wins: int, losses: int, n: int, confidence: float) -> Estimate:
    value = (wins - losses) / n if n else 0.0
    middle = (wins - losses) / (n + 2)
    variance = ((wins + losses + 1) / (n + 2) - middle * middle) / (n + 2)
    reach = normal_quantile(confidence) * math.sqrt(variance)
    low, high = max(-1.0, middle - reach), min(1.0, middle + reach)
    return Estimate(value, min(low, value), max(high, value))
