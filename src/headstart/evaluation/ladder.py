"""Thresholds of confidence from the highest down, and tests of the precision above each.

A precision is tested, not read off: the lowest threshold of a curve's many that has it on
some answers is the luckiest one too. Thresholds are walked down while so few errors would be
too lucky, were the precision not reached: fixed-sequence tests (Angelopoulos, Bates, Candes,
Jordan and Lei, "Learn then test", 2021, arXiv:2110.01052). Most of the doubt that is allowed
goes to a walk from where the confidences, without a look at what is right, promise most; the
rest to walks from evenly spread starts. With the wanted assurance the threshold keeps its
word on new images like these, however badly calibrated the confidences are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.evaluation.binomial import at_most, least_share
from headstart.evaluation.counts import Bools, Floats, Ints

_MOST_THRESHOLDS = 1000
_OTHER_STARTS = 20
FIRST_SHARE = 0.8
"""Of the allowed doubt, for the most promising start."""


@dataclass(frozen=True)
class Ladder:
    """Thresholds from the highest down, with what answering above each comes to.

    Attributes:
        thresholds: Shape (M,).
        counts: Answers above, as so many equally weighted ones, shape (M,).
        errors: How many of these are wrong, rounded up, shape (M,).
        coverage: Share of the weight above, shape (M,).
        risk: Share of that which is wrong, shape (M,).
        expected: The share that the confidences expect to be wrong, shape (M,).
    """

    thresholds: Floats
    counts: Ints
    errors: Ints
    coverage: Floats
    risk: Floats
    expected: Floats

    @classmethod
    def of(cls, confidence: Floats, right: Bools, weights: Floats | None) -> Ladder:
        """Order N answers, shape (N,) each, with N above 0."""
        order = np.argsort(-confidence, kind="stable")
        mass = np.ones(len(order)) if weights is None else weights[order]
        sums, squares = np.cumsum(mass), np.cumsum(mass**2)
        risk = np.cumsum(mass * ~right[order]) / sums
        steps = _thinned(np.flatnonzero(np.diff(confidence[order], append=-np.inf)))
        counts = np.floor(sums**2 / squares + 1e-9).astype(np.int64)
        errors = np.minimum(np.ceil(risk * counts - 1e-9).astype(np.int64), counts)
        return cls(
            thresholds=confidence[order][steps],
            counts=counts[steps],
            errors=errors[steps],
            coverage=(sums / sums[-1])[steps],
            risk=risk[steps],
            expected=(np.cumsum(mass * (1 - confidence[order])) / sums)[steps],
        )

    def bound(self, place: int, confidence: float) -> float:
        """Return what the precision above a threshold is at least."""
        n = int(self.counts[place])
        return least_share(n - int(self.errors[place]), n, confidence=confidence)


def _thinned(steps: Ints) -> Ints:
    if len(steps) <= _MOST_THRESHOLDS:
        return steps
    kept = np.linspace(0, len(steps) - 1, _MOST_THRESHOLDS).round().astype(np.int64)
    return steps[kept]


def lowest_reaching(ladder: Ladder, share: float, assurance: float | None) -> int | None:
    """Return the place of the lowest threshold that reaches a precision, if one does.

    Args:
        ladder: The thresholds.
        share: The precision, in (0, 1).
        assurance: How sure it is to hold on new images; ``None``: as it comes out on these.
    """
    if assurance is None:
        return _plain(ladder, share)
    first, *others = starts(ladder, share, assurance)
    # Walks of one level end where the one does that starts last, if it can start.
    ends = (_walk(ladder, place, share, level) for place, level in reversed(others))
    last = next((end for end in ends if end is not None), None)
    promising = _walk(ladder, first[0], share, first[1])
    return max((end for end in (promising, last) if end is not None), default=None)


def starts(ladder: Ladder, share: float, assurance: float) -> list[tuple[int, float]]:
    """Return where walks start, with the doubt that each may leave; together what is allowed."""
    doubt = 1 - assurance
    places = _spread(ladder, _OTHER_STARTS)
    each = (1 - FIRST_SHARE) * doubt / len(places)
    return [(_most_promising(ladder, share), FIRST_SHARE * doubt), *((p, each) for p in places)]


def _spread(ladder: Ladder, number: int) -> list[int]:
    last = len(ladder.counts) - 1
    return sorted({round(last * step / max(number - 1, 1)) for step in range(number)})


def _walk(ladder: Ladder, place: int, share: float, level: float) -> int | None:
    found = None
    while place < len(ladder.counts) and _lucky(ladder, place, share) <= level:
        found, place = place, place + 1
    return found


def _most_promising(ladder: Ladder, share: float) -> int:
    """Return where the test has most to go by, if the confidences are right."""
    spread = np.sqrt(share * (1 - share) / ladder.counts)
    return int(np.argmax((1 - share - ladder.expected) / spread))


def _lucky(ladder: Ladder, place: int, share: float) -> float:
    """Return the chance of so few errors, were the precision below the wish (its p-value)."""
    return at_most(int(ladder.errors[place]), int(ladder.counts[place]), 1 - share)


def _plain(ladder: Ladder, share: float) -> int | None:
    reached = np.flatnonzero(1 - ladder.risk >= share - 1e-12)
    return int(reached[-1]) if len(reached) else None
