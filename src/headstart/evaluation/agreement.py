"""How often two classifiers say the same, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.evaluation.counts import Ints
from headstart.evaluation.intervals import Estimate, wilson


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two classifiers answer.

    Attributes:
        share: Share of images that both call the same, with its interval.
        kappa: Cohen's kappa: 0 for the agreement that chance alone would bring, 1 for
            the same answer to every image.
    """

    share: Estimate
    kappa: float


def agreement(first: Ints, second: Ints, *, classes: int, confidence: float = 0.95) -> Agreement:
    """Compare two classifiers' answers with each other, whatever is true.

    Cohen, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20 (1960), doi:10.1177/001316446002000104.

    Args:
        first: Classes that the first named, shape (N,), values in [0, K).
        second: Classes that the second named, shape (N,).
        classes: How many classes there are, K.
        confidence: How often the interval is to hold the true share, in (0, 1).

    >>> found = agreement(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), classes=2)
    >>> found.share.value, found.kappa
    (0.75, 0.5)
    """
    n, same = len(first), int((first == second).sum())
    shares = [np.bincount(said, minlength=classes) / n for said in (first, second)]
    by_chance = float(shares[0] @ shares[1])
    kappa = 1.0 if by_chance >= 1 else (same / n - by_chance) / (1 - by_chance)
    return Agreement(wilson(same, n, confidence=confidence), kappa)
