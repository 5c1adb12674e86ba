"""From which confidence on an answer is given: a threshold for a wanted precision or coverage.

Chosen on answers that were held out of training, never on the test split. For a precision
it is tested, not read off: the lowest threshold of a curve's many is the luckiest one too.
Thresholds are walked down while so few errors would be too lucky, were the precision not
reached: fixed-sequence tests (Angelopoulos, Bates, Candes, Jordan and Lei, "Learn then
test", 2021, arXiv:2110.01052). Most of the doubt that is allowed goes to a walk from where
the confidences, without a look at what is right, promise most; the rest to walks from evenly
spread starts. With the wanted assurance the threshold keeps its word on new images like
these, however badly calibrated the confidences are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from headstart.evaluation.binomial import at_most, fewest_without_error, least_share
from headstart.evaluation.counts import Bools, Floats, Ints
from headstart.evaluation.intervals import Estimate, wilson_of_share

Target = Literal["precision", "coverage"]

BOUND_CONFIDENCE = 0.95
"""Level of the bound that is said where no assurance was asked for."""
_MOST_THRESHOLDS = 1000
_OTHER_STARTS = 20
_FIRST_SHARE = 0.8
"""Of the allowed doubt, for the most promising start."""


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
    ladder = _Ladder.of(confidence, right, weights)
    if wish.target == "coverage":
        return _for_coverage(ladder, wish, confidence, right, weights)
    place = _assured(ladder, wish.share, wish.assurance)
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


@dataclass(frozen=True)
class _Ladder:
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
    def of(cls, confidence: Floats, right: Bools, weights: Floats | None) -> _Ladder:
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


def _assured(ladder: _Ladder, share: float, assurance: float | None) -> int | None:
    """Return the lowest threshold whose precision is shown.

    Walks of one level end where the one does that starts last, if it can start.
    """
    if assurance is None:
        return _plain(ladder, share)
    first, *others = _starts(ladder, share, assurance)
    ends = (_walk(ladder, place, share, level) for place, level in reversed(others))
    last = next((end for end in ends if end is not None), None)
    promising = _walk(ladder, first[0], share, first[1])
    return max((end for end in (promising, last) if end is not None), default=None)


def _starts(ladder: _Ladder, share: float, assurance: float) -> list[tuple[int, float]]:
    """Return where walks start, with the doubt that each may leave; together what is allowed."""
    doubt = 1 - assurance
    places = _spread(ladder, _OTHER_STARTS)
    each = (1 - _FIRST_SHARE) * doubt / len(places)
    return [(_most_promising(ladder, share), _FIRST_SHARE * doubt), *((p, each) for p in places)]


def _spread(ladder: _Ladder, number: int) -> list[int]:
    last = len(ladder.counts) - 1
    return sorted({round(last * step / max(number - 1, 1)) for step in range(number)})


def _walk(ladder: _Ladder, place: int, share: float, level: float) -> int | None:
    found = None
    while place < len(ladder.counts) and _lucky(ladder, place, share) <= level:
        found, place = place, place + 1
    return found


def _most_promising(ladder: _Ladder, share: float) -> int:
    """Return where the test has most to go by, if the confidences are right."""
    spread = np.sqrt(share * (1 - share) / ladder.counts)
    return int(np.argmax((1 - share - ladder.expected) / spread))


def _lucky(ladder: _Ladder, place: int, share: float) -> float:
    """Return the chance of so few errors, were the precision below the wish (its p-value)."""
    return at_most(int(ladder.errors[place]), int(ladder.counts[place]), 1 - share)


def _plain(ladder: _Ladder, share: float) -> int | None:
    reached = np.flatnonzero(1 - ladder.risk >= share - 1e-12)
    return int(reached[-1]) if len(reached) else None


def _for_coverage(
    ladder: _Ladder, wish: Wish, confidence: Floats, right: Bools, weights: Floats | None
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


def _unreached(ladder: _Ladder, wish: Wish) -> Unreached:
    if wish.assurance:
        starts = _starts(ladder, wish.share, wish.assurance)
        shown = {place: ladder.bound(place, 1 - level) for place, level in reversed(starts)}
        doubt = _FIRST_SHARE * (1 - wish.assurance)
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
