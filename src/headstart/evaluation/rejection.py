"""From which confidence on an answer is given: a threshold for a wanted precision or coverage.

Chosen on answers that were held out of training, never on the test split. How a precision
is tested is said in :mod:`headstart.evaluation.ladder`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from headstart.evaluation.binomial import fewest_without_error, least_share
from headstart.evaluation.counts import Bools, Floats
from headstart.evaluation.intervals import Estimate, wilson_of_share
from headstart.evaluation.ladder import FIRST_SHARE, Ladder, lowest_reaching, starts

Target = Literal["precision", "coverage"]

BOUND_CONFIDENCE = 0.95
"""Level of the bound that is said where no assurance was asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a threshold is to reach.

    Attributes:
        target: ``"precision"``: the share of given answers that is right; or
            ``"coverage"``: the share of answers that is given.
        share: How much of it, in (0, 1).
        assurance: How sure a precision is to hold on new images, in [0.5, 1); ``None``:
            as it comes out on these.
    """

    target: Target
    share: float
    assurance: float | None = 0.95

    def __str__(self) -> str:
        return f"{self.target} {self.share:g}"


@dataclass(frozen=True, slots=True)
class Selective:
    """What answering only above a threshold came to on some images.

    Attributes:
        n: How many images.
        answered: How many got an answer.
        coverage: Their share, with its Wilson interval.
        precision: The share of them that is right; of none it is 0 in [0, 1].
    """

    n: int
    answered: int
    coverage: Estimate
    precision: Estimate

    def to_json(self) -> dict[str, object]:
        """Return counts and triples, as ``metrics.json`` holds them."""
        return {
            "n": self.n,
            "answered": self.answered,
            "coverage": self.coverage.to_json(),
            "precision": self.precision.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold that was chosen.

    Attributes:
        wish: What it was to reach.
        value: Answers at least so confident are given.
        bound: What the wished-for share is at least on new images like these, one-sided:
            with the wish's assurance, or 95 %.
        chosen_on: What it came to on the answers it was chosen by.
    """

    wish: Wish
    value: float
    bound: float
    chosen_on: Selective


@dataclass(frozen=True, slots=True)
class Unreached:
    """No threshold does what was wished for.

    Attributes:
        wish: The wish.
        n: How many answers there were to choose by.
        best: The highest precision that any threshold could be shown to have, or has where
            no assurance was wished for.
        coverage: The coverage there.
        needed: Answers that it takes at least, all of them right, to show the wish.
    """

    wish: Wish
    n: int
    best: float
    coverage: float
    needed: int

    def __str__(self) -> str:
        assured = self.wish.assurance
        sure = f" with {100 * assured:g} % assurance" if assured else ""
        few = self.n < self.needed
        more = f"; to show it takes at least {self.needed:,} answers" if few else ""
        return (
            f"no threshold reaches {self.wish}{sure} on {self.n:,} held-out answers: the best "
            f"they can show is {self.best:.3f}, at a coverage of {self.coverage:.3f}{more}"
        )


def choose_threshold(
    confidence: Floats, right: Bools, wish: Wish, *, weights: Floats | None = None
) -> Threshold | Unreached:
    """Choose the threshold that answers most, of those that do what is wished for.

    Args:
        confidence: Of N held-out answers, shape (N,).
        right: Whether each is true, shape (N,).
        wish: What is to be reached.
        weights: How much each counts, shape (N,), where the images to come are of other
            classes than these. Figures then rest on ``(sum w)^2 / sum w^2`` images.

    Raises:
        ValueError: There are no answers.
    """
    if not len(confidence):
        raise ValueError("there are no held-out answers to choose a threshold by")
    ladder = Ladder.of(confidence, right, weights)
    if wish.target == "coverage":
        return _for_coverage(ladder, wish, confidence, right, weights)
    place = lowest_reaching(ladder, wish.share, wish.assurance)
    if place is None:
        return _unreached(ladder, wish)
    value = _rounded(ladder.thresholds[place])
    bound = wish.share if wish.assurance else ladder.bound(place, BOUND_CONFIDENCE)
    return Threshold(wish, value, bound, judge_selection(confidence, right, value, weights=weights))


def judge_selection(
    confidence: Floats,
    right: Bools,
    threshold: float,
    *,
    weights: Floats | None = None,
    level: float = 0.95,
) -> Selective:
    """Return what answering only above a threshold comes to.

    Args:
        confidence: Of N answers, shape (N,).
        right: Whether each is true, shape (N,).
        threshold: Answers at least so confident are given.
        weights: How much each counts, shape (N,); the same where not given.
        level: How often the intervals are to hold the true shares, in (0, 1).
    """
    mass = np.ones(len(confidence)) if weights is None else weights
    given = confidence >= threshold
    return Selective(
        n=len(confidence),
        answered=int(given.sum()),
        coverage=_share(given, mass, level),
        precision=_share(right[given], mass[given], level),
    )


def _for_coverage(
    ladder: Ladder, wish: Wish, confidence: Floats, right: Bools, weights: Floats | None
) -> Threshold:
    """Choose the k-th highest confidence: of n answers, ``k = ceil(share (n + 1))``.

    A new image lies above it with a chance of ``k / (n + 1)`` on average, whatever the
    distribution: the order statistic of conformal prediction.
    """
    n = int(ladder.counts[-1])
    wanted = min(1.0, wish.share * (n + 1) / n)
    place = min(int(np.searchsorted(ladder.coverage, wanted - 1e-12)), len(ladder.coverage) - 1)
    everything = math.ceil(wish.share * (n + 1)) > n
    value = 0.0 if everything else _rounded(ladder.thresholds[place])
    found = judge_selection(confidence, right, value, weights=weights)
    level = wish.assurance or BOUND_CONFIDENCE
    above = round(found.coverage.value * n)
    return Threshold(
        wish, value, 1.0 if everything else least_share(above, n, confidence=level), found
    )


def _unreached(ladder: Ladder, wish: Wish) -> Unreached:
    if wish.assurance:
        walks = starts(ladder, wish.share, wish.assurance)
        shown = {place: ladder.bound(place, 1 - level) for place, level in reversed(walks)}
        doubt = FIRST_SHARE * (1 - wish.assurance)
        needed = fewest_without_error(wish.share, confidence=1 - doubt)
    else:
        shown, needed = dict(enumerate((1 - ladder.risk).tolist())), 0
    best = max(shown, key=shown.__getitem__)
    return Unreached(
        wish=wish,
        n=int(ladder.counts[-1]),
        best=shown[best],
        coverage=float(ladder.coverage[best]),
        needed=needed,
    )


def _rounded(threshold: float) -> float:
    """Round down, below all that is this confidence to six digits: stored answers have so many."""
    return max(0.0, math.floor(threshold * 1e6 - 0.5) / 1e6)


def _share(hits: Bools, mass: Floats, level: float) -> Estimate:
    if not len(hits):
        return wilson_of_share(0.0, 0, confidence=level)
    total = float(mass.sum())
    images = math.floor(total**2 / float((mass**2).sum()) + 1e-9)
    return wilson_of_share(min(1.0, float(mass[hits].sum()) / total), images, confidence=level)
