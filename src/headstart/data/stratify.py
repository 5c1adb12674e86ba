"""Dealing whole units of images to splits so that every class keeps its shares.

Units of several images are dealt one by one, the largest first, each to the split
whose classes lack most (after Sechidis et al., "On the Stratification of Multi-Label
Data", ECML PKDD 2011). Single images then fill every class up to its shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headstart.data.units import Ints

Floats = npt.NDArray[np.float64]

_MUST = 1e9
"""Score of a split that a class would otherwise never get into; beats any share."""


def stratify(
    units: Ints, labels: Ints, shares: Sequence[float], *, rng: np.random.Generator
) -> Ints:
    """Deal units to splits, each class as near to its shares as whole units allow.

    A class with at least as many units as there are splits gets into each of
    them; one with fewer gets into the first ones. (Where units mix classes this
    can be impossible; then it is done as far as possible.)

    Args:
        units: Unit of each image, shape (N,), from 0 up without gaps.
        labels: Class index of each image, shape (N,).
        shares: Wished share of each split, above 0, summing to 1, the split that
            small classes need most first.
        rng: Source of all chance.

    Returns:
        Index into ``shares`` of each image's split, shape (N,).
    """
    dealer = _Dealer(units, labels, shares)
    order = rng.permutation(len(dealer.sizes))
    assigned = np.empty(len(order), dtype=np.int64)
    several = order[dealer.sizes[order] > 1]
    # Units that mix classes are the hardest to place, so they come first.
    hardest = np.lexsort((-dealer.sizes[several], -dealer.class_counts[several]))
    for unit in several[hardest].tolist():
        assigned[unit] = dealer.deal(unit)
    single = order[dealer.sizes[order] == 1]
    for label, members in enumerate(_by_class(single, dealer.first_label)):
        assigned[members] = np.repeat(np.arange(len(shares)), dealer.fill(label, len(members)))
    return assigned[units]


class _Dealer:
    """Remembers what every class lacks in every split while units are dealt.

    Attributes:
        sizes: Images of each unit, shape (U,).
        class_counts: Classes in each unit, shape (U,).
        first_label: Lowest class index in each unit, shape (U,).
    """

    def __init__(self, units: Ints, labels: Ints, shares: Sequence[float]) -> None:
        n_classes = int(labels.max()) + 1
        pairs, counts = np.unique(units * n_classes + labels, return_counts=True)
        self.sizes = np.bincount(units)
        self.class_counts = np.bincount(pairs // n_classes)
        self._starts = np.cumsum(self.class_counts) - self.class_counts
        self.first_label = (pairs % n_classes)[self._starts]
        self._labels = (pairs % n_classes).tolist()
        self._counts = counts.tolist()
        totals = np.bincount(labels, minlength=n_classes)
        self._totals = totals.tolist()
        self._lack = (totals[:, None] * np.asarray(shares, dtype=np.float64)).tolist()
        self._left = np.bincount(pairs % n_classes, minlength=n_classes).tolist()
        self._missing = [set(range(min(n_units, len(shares)))) for n_units in self._left]

    def deal(self, unit: int) -> int:
        """Choose a unit's split and remember it."""
        start = int(self._starts[unit])
        pairs = range(start, start + int(self.class_counts[unit]))
        entries = [(self._labels[pair], self._counts[pair]) for pair in pairs]
        splits = range(len(self._lack[0]))
        best = max(splits, key=lambda split: self._score(entries, split))
        for label, count in entries:
            self._lack[label][best] -= count
            self._left[label] -= 1
            self._missing[label].discard(best)
        return best

    def fill(self, label: int, count: int) -> Ints:
        """Return how many of a class's ``count`` single images each split gets."""
        lack = np.array(self._lack[label])
        due = np.zeros(len(lack), dtype=np.int64)
        due[sorted(self._missing[label])[:count]] = 1
        return due + _rounded(_projected(lack - due, count - int(due.sum())))

    def _score(self, entries: list[tuple[int, int]], split: int) -> float:
        score = 0.0
        for label, count in entries:
            score += count * self._lack[label][split] / self._totals[label]
            missing = self._missing[label]
            if split in missing and self._left[label] <= len(missing):
                score += _MUST
        return score


def _by_class(units: Ints, label_of: Ints) -> list[Ints]:
    """Return the units of each class, in the order given within a class."""
    ordered = units[np.argsort(label_of[units], kind="stable")]
    bounds = np.searchsorted(label_of[ordered], np.arange(1, int(label_of.max()) + 1))
    return np.split(ordered, bounds)


def _projected(wish: Floats, total: int) -> Floats:
    """Return the non-negative numbers of this sum that are nearest to the wish."""
    active = np.ones(len(wish), dtype=bool)
    while True:
        shift = (total - wish[active].sum()) / active.sum()
        negative = active & (wish + shift < 0)
        if not negative.any():
            return np.where(active, wish + shift, 0.0)
        active &= ~negative


def _rounded(amounts: Floats) -> Ints:
    """Round to integers of the same sum, the largest remainders upwards."""
    # Rounding first keeps 2.9999999 and 3 alike, on every machine.
    steady = np.round(amounts, 6)
    whole = np.floor(steady).astype(np.int64)
    rest = round(float(amounts.sum())) - int(whole.sum())
    whole[np.argsort(whole - steady, kind="stable")[:rest]] += 1
    return whole
