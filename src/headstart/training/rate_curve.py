"""What a learning-rate range test measured, and which rates it speaks for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MEMORY: Final = 0.8
"""Weight of a step's neighbour, of the neighbour's neighbour its square, and so on."""
_TENFOLD: Final = 10.0
_LEAST_LEVEL: Final = 3
_CLEAR: Final = 3.0
"""A fall of so many standard errors is one."""


def smooth(losses: Floats) -> Floats:
    """Return losses averaged with their neighbours on both sides, exponentially weighted.

    Weights add up to 1 at every place, also where neighbours are missing: that is the bias
    correction of Adam (Kingma & Ba, 2015, arXiv:1412.6980) for both ends. An average over
    earlier steps alone, as other tools take, lags behind: it shows a minimum some tens of
    steps late, which on this axis is a rate several times too high.

    Args:
        losses: One a step, shape (N,).

    >>> smooth(np.array([2.0, 2.0, 2.0])).tolist()
    [2.0, 2.0, 2.0]
    """
    weights = _weights(len(losses))
    return np.asarray(weights @ losses / weights.sum(axis=1), np.float64)


def latest(losses: Floats) -> float:
    """Return the smoothed loss at the last step, which has earlier neighbours only."""
    weights = _MEMORY ** np.arange(len(losses))[::-1]
    return float(weights @ losses / weights.sum())


def _weights(count: int) -> Floats:
    steps = np.arange(count)
    return np.asarray(_MEMORY ** np.abs(steps[:, None] - steps), np.float64)


@dataclass(frozen=True)
class Suggestions:
    """Learning rates that a curve speaks for, each by its own rule.

    Attributes:
        valley: Middle of the longest stretch in which the loss falls, as in fastai.
        steepest: Where it falls fastest.
        minimum_tenth: A tenth of the rate where it is lowest.
    """

    valley: float
    steepest: float
    minimum_tenth: float

    def named(self) -> Iterator[tuple[str, float]]:
        """Yield each rule in words with its rate."""
        yield "valley", self.valley
        yield "steepest", self.steepest
        yield "minimum / 10", self.minimum_tenth

    @property
    def minimum(self) -> float:
        """Where the loss is lowest: an upper end, which a cycle may touch (Smith, 2015)."""
        return 10 * self.minimum_tenth

    @property
    def spread(self) -> float:
        """The highest over the lowest."""
        rates = [rate for _, rate in self.named()]
        return max(rates) / min(rates)

    @property
    def disagree(self) -> bool:
        """Whether they lie tenfold apart or more."""
        return self.spread >= _TENFOLD or math.isclose(self.spread, _TENFOLD)


@dataclass(frozen=True)
class RateCurve:
    """Losses of a range test.

    Attributes:
        rates: Learning rate of each step, rising, shape (N,).
        losses: Training loss of each step's batch, before the step, shape (N,); finite.
        diverged: Whether the test ended because the loss exploded.
    """

    rates: Floats
    losses: Floats
    diverged: bool

    @property
    def calm(self) -> int:
        """Steps before the loss left its level at the start for good: the explosion follows.

        The level is the highest loss of the first tenth of the steps. What explodes must not
        be averaged with what is before it: it would drown any valley.
        """
        first = max(_LEAST_LEVEL, len(self.losses) // 10)
        level = self.losses[:first].max()
        return int(np.flatnonzero(self.losses <= level)[-1]) + 1

    @property
    def explodes_at(self) -> float | None:
        """First rate of the explosion; ``None`` where there was none."""
        return float(self.rates[self.calm]) if self.calm < len(self.rates) else None

    @property
    def smoothed(self) -> Floats:
        """Losses without the noise of batches, before and after the explosion apart.

        See :func:`smooth`.
        """
        return np.concatenate([smooth(part) for part in np.split(self.losses, [self.calm])])

    @property
    def lowest(self) -> int:
        """Step at which the smoothed loss is lowest before it explodes."""
        return int(self.smoothed[: self.calm].argmin())

    @property
    def fall(self) -> float:
        """How far the smoothed loss falls from the first step to its minimum."""
        smoothed = self.smoothed
        return float(smoothed[0] - smoothed[self.lowest])

    @property
    def noise(self) -> float:
        """Standard error of a difference between two places of the smoothed curve.

        From the differences between successive batches up to the minimum (von Neumann
        et al., 1941, doi:10.1214/aoms/1177731746): a slow change does not count.
        """
        steps = np.diff(self.losses[: max(self.lowest + 1, _LEAST_LEVEL)])
        variance = float(np.mean(steps**2)) / 2 if len(steps) else 0.0
        weights = _weights(self.calm)[0]
        shares = weights / weights.sum()  # the first place averages over fewest
        return math.sqrt(2 * variance * float(shares @ shares))

    @property
    def clear(self) -> bool:
        """Whether the loss falls by more than the noise explains."""
        return self.fall > _CLEAR * self.noise

    def suggest(self) -> Suggestions:
        """Return what each rule suggests. Meaningless unless :attr:`clear`."""
        smoothed, lowest = self.smoothed[: self.calm], self.lowest
        return Suggestions(
            valley=float(self.rates[_valley(smoothed)]),
            steepest=float(self.rates[_steepest(smoothed, lowest)]),
            minimum_tenth=float(self.rates[lowest]) / 10,
        )


def _steepest(smoothed: Floats, lowest: int) -> int:
    """Return where the loss falls fastest a decade; rates are evenly spaced in decades."""
    if lowest == 0:
        return 0
    return int(np.gradient(smoothed[: lowest + 1]).argmin())


def _valley(smoothed: Floats) -> int:
    """Return the middle of the longest falling stretch.

    As fastai's ``valley``: a stretch is as long as the longest falling subsequence, and ends
    where that ends, so that a short rise does not cut it in two. Fastai's starts one step
    too early.
    """
    lengths = np.ones(len(smoothed), np.int64)
    for place in range(1, len(smoothed)):
        above = lengths[:place][smoothed[:place] > smoothed[place]]
        lengths[place] = 1 + above.max(initial=0)
    end = int(lengths.argmax())
    return end - int(lengths[end] - 1) // 2
