"""How likely a label is wrong, where a classifier may well be wrong instead.

Where classes overlap a classifier errs, and says so: its probabilities are spread, and labels
of low probability come as often as they say. Labels that come more often than that are what
is left to be explained by mistakes in the labels, and how many more says how many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from headstart.evaluation.confident_learning import spoken_for
from headstart.evaluation.counts import Bools, Floats, Ints

OVERLAP: Final = 0.2
"""Share of a pair's confident answers beyond which it is the classes that overlap."""
_LEAST: Final = 1e-12
_TINY: Final = 1e-300
_BLUNTEST, _SHARPEST = float(np.log(0.5)), float(np.log(8.0))
_GRID: Final = 9
_GOLDEN: Final = (5**0.5 - 1) / 2
_STEPS: Final = 10
_HALVINGS: Final = 30
_MOST: Final = 5.0
_SHOWN: Final = 1.353
"""Gain in log-likelihood that chance brings in one case of twenty: half of chi-square's 2.706,
as a share of wrong labels cannot be below 0."""
_FITTED_NUMBERS: Final = 2_000_000
"""Most probabilities that the two numbers of the model are fitted to."""


@dataclass(frozen=True)
class LabelNoise:
    """How labels come about: from what an image shows, or by a mistake.

    ``P(label y | image) = sum_c q(c) [(1 - e_c) 1(c = y) + e(c, y)]``: ``q`` is what the
    classifier said, raised to a power, since a calibration on labels of which some are wrong
    makes it less sure of the truth than it may be; ``e(c, y)`` is how often what shows c is
    labelled y.

    Attributes:
        wrong: Probability that each label is a mistake, shape (N,).
        sharpness: The power.
        share: Mistakes, as a share of those that confident learning counts; 0 where none
            are shown.
        overlapping: Pairs of classes that are confused too often to judge each other's
            labels.
    """

    wrong: Floats
    sharpness: float = 1.0
    share: float = 0.0
    overlapping: tuple[tuple[int, int], ...] = ()


def fit_label_noise(probabilities: Floats, labels: Ints) -> LabelNoise:
    """Tell wrong labels from a classifier's own errors, by maximum likelihood.

    Which mistakes there may be is the confident joint's word (Northcutt, Jiang and Chuang
    2021, doi:10.1613/jair.1.12125): how many images speak for one class and are labelled
    with another. How large a share of these are mistakes is fitted, as the share of a noise
    component of a mixture (Banfield and Raftery 1993, doi:10.2307/2532201): none, where the
    probabilities explain the labels without them (likelihood ratio test, p < .05).

    Args:
        probabilities: Of every class, calibrated, from a model that did not learn from the
            image, shape (N, K).
        labels: The given class of each image, shape (N,), values in [0, K).

    >>> rng = np.random.default_rng(1)
    >>> labels = np.repeat([0, 1], 200)
    >>> seen = rng.normal(4 * labels - 2)  # a mark of either class, of which it knows the odds
    >>> dogs = 1 / (1 + np.exp(-4 * seen))
    >>> answers = np.stack([1 - dogs, dogs], axis=1)
    >>> float(fit_label_noise(answers, labels).wrong.max())
    0.0
    >>> labels[180:200] = 1
    >>> wrong = fit_label_noise(answers, labels).wrong > 0.5
    >>> int(wrong[180:200].sum()), int(wrong.sum())
    (19, 19)
    """
    count, classes = probabilities.shape
    if count == 0 or classes < 2:
        return LabelNoise(np.zeros(count))
    spoken = spoken_for(probabilities, labels)
    joint = _confident_joint(spoken, labels, classes)
    told = _told_apart(joint)
    overlapping = tuple((int(a), int(b)) for a, b in np.argwhere(~told) if a < b)
    rates = _Rates(joint, told)
    every = max(1, count * classes // _FITTED_NUMBERS)
    some = _Labels(probabilities[::every], labels[::every], spoken[::every], rates)
    power, plain = _highest(some.best), _highest(some.plain)
    if some.rows * (some.best(power) - some.plain(plain)) < _SHOWN:
        return LabelNoise(np.zeros(count), float(np.exp(plain)), 0.0, overlapping)
    share = some.share(power)
    pieces = range(0, count, max(1, _FITTED_NUMBERS // classes))
    wrong = [
        _Labels(probabilities[rows], labels[rows], spoken[rows], rates).wrong(power, share)
        for rows in (slice(start, start + pieces.step) for start in pieces)
    ]
    return LabelNoise(np.concatenate(wrong), float(np.exp(power)), share, overlapping)


def _confident_joint(spoken: Ints, labels: Ints, classes: int) -> Floats:
    """Return how many images speak for a class (rows) and are labelled so (columns)."""
    heard = spoken >= 0
    cells = np.bincount(spoken[heard] * classes + labels[heard], minlength=classes**2)
    return cells.reshape(classes, classes).astype(np.float64)


def _told_apart(joint: Floats) -> Bools:
    """Return which pairs of classes are confused seldom enough, shape (K, K), symmetric."""
    sound = np.diag(joint)
    of_labelled = joint / np.maximum(joint + sound[None, :], 1)
    of_spoken = joint / np.maximum(joint + sound[:, None], 1)
    confused = np.maximum(of_labelled, of_spoken)
    told: Bools = np.maximum(confused, confused.T) <= OVERLAP
    return told | np.eye(len(joint), dtype=np.bool_)


class _Rates:
    """How often each class would be labelled as another, were every disagreement a mistake.

    One mistake more a class is thought to be spread over the others: rare ones happen too.

    Args:
        joint: The confident joint, shape (K, K).
        told: Which pairs are told apart, shape (K, K).
    """

    def __init__(self, joint: Floats, told: Bools) -> None:
        self._others = told & ~np.eye(len(joint), dtype=np.bool_)
        self._sizes = np.maximum(joint.sum(axis=1), 1)
        self._rates = (joint + 1 / (len(joint) - 1)) * self._others / self._sizes[:, None]
        self.leaving: Floats = self._rates.sum(axis=1)

    def into(self, labels: Ints, spoken: Ints) -> Floats:
        """Return how often each class gets these labels, shape (N, K).

        What an image itself says is left out: it would vouch for the mistake it makes likely.
        """
        found: Floats = self._rates.T[labels]
        rows = np.flatnonzero(spoken >= 0)
        rows = rows[self._others[spoken[rows], labels[rows]]]
        found[rows, spoken[rows]] -= 1 / self._sizes[spoken[rows]]
        return found


_Parts: TypeAlias = tuple[Floats, Floats, Floats]


class _Labels:
    """The likelihood of labels under some sharpness and some share of mistakes.

    Args:
        probabilities: Shape (N, K).
        labels: Shape (N,).
        spoken: The class that each image speaks for, -1 for none, shape (N,).
        rates: How often classes would be labelled as others.
    """

    def __init__(self, probabilities: Floats, labels: Ints, spoken: Ints, rates: _Rates) -> None:
        logs = np.log(np.maximum(probabilities, _LEAST))
        self.rows = len(labels)
        self._margins = logs - logs.max(axis=1, keepdims=True)
        self._labels = labels
        self._into = rates.into(labels, spoken)
        self._leaving = rates.leaving[labels]
        self._most = min(_MOST, 0.95 / max(float(rates.leaving.max()), _LEAST))
        self._shares: dict[float, float] = {}
        self._last: tuple[float, _Parts] | None = None

    def share(self, log_power: float) -> float:
        """Return the likeliest share of mistakes."""
        if log_power not in self._shares:
            self._shares[log_power] = self._likeliest(log_power)
        return self._shares[log_power]

    def best(self, log_power: float) -> float:
        """Return the mean log-likelihood at the best share of mistakes."""
        return self._mean_log(log_power, self.share(log_power))

    def plain(self, log_power: float) -> float:
        """Return the mean log-likelihood without any mistake."""
        return self._mean_log(log_power, 0.0)

    def wrong(self, log_power: float, share: float) -> Floats:
        """Return the probability that each label is a mistake, shape (N,)."""
        sound, change, mistaken = self._parts(log_power)
        return np.asarray(share * mistaken / (sound + share * change + _TINY))

    def _parts(self, log_power: float) -> _Parts:
        """Return what :meth:`_computed` does, which is asked for twice in a row."""
        if self._last is None or self._last[0] != log_power:
            self._last = log_power, self._computed(log_power)
        return self._last[1]

    def _computed(self, log_power: float) -> _Parts:
        """Return the label's probability, its change with the share, and the mistakes' part."""
        powers = np.exp(np.exp(log_power) * self._margins)
        said = powers / powers.sum(axis=1, keepdims=True)
        sound = said[np.arange(self.rows), self._labels]
        mistaken = (said * self._into).sum(axis=1)
        return sound, mistaken - self._leaving * sound, mistaken

    def _mean_log(self, log_power: float, share: float) -> float:
        sound, change, _ = self._parts(log_power)
        return float(np.log(sound + share * change + _TINY).mean())

    def _likeliest(self, log_power: float) -> float:
        """Return the likeliest share; the likelihood is concave in it."""
        sound, change, _ = self._parts(log_power)

        def slope(share: float) -> float:
            return float((change / (sound + share * change + _TINY)).mean())

        low, high = 0.0, self._most
        if slope(low) <= 0:
            return 0.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if slope(middle) > 0 else (low, middle)
        return (low + high) / 2


def _highest(function: Callable[[float], float]) -> float:
    """Return where a function of the logarithm of the sharpness is highest."""
    grid = np.linspace(_BLUNTEST, _SHARPEST, _GRID).tolist()
    best = int(np.argmax([function(it) for it in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    for _ in range(_STEPS):
        reach = _GOLDEN * (high - low)
        left, right = high - reach, low + reach
        low, high = (left, high) if function(left) < function(right) else (low, right)
    return float((low + high) / 2)
