"""Error against number of training images: an inverse power law, and what more would bring.

``error(n) = floor + excess * (n / n_max) ** -rate`` (Cortes et al., "Learning curves:
asymptotic values and rate of convergence", NIPS 1993; Hestness et al., arXiv:1712.00409;
Viering and Loog's survey, doi:10.1109/TPAMI.2022.3220744). A handful of sizes hardly tells
a floor from a slow rate, and a single best fit hides that. So every such law is weighed by
how well it explains the measured errors, and an interval spans those that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.evaluation.intervals import Estimate

Floats = npt.NDArray[np.float64]

LEAST_SIZES: Final = 4
"""Fewer points than this fit almost any law."""
_RATES: Final = np.geomspace(0.1, 2.0, 40)
_FLOORS: Final = (np.arange(40) + 0.5) / 40
"""Share of the error at the largest size that no number of images removes."""
_PURE, _FLAT = 0.4, 0.1
"""Weight beforehand of laws without a floor, and of curves that have come to an end."""
_NODES: Final = 15
_RIDGE: Final = 1e-9
_TEMPER: Final = 2.0
"""Errors count as if their covariance were this much larger: it is an estimate itself, and
no real curve is a power law to the last digit. Chosen by simulated coverage."""
_MISFIT: Final = 2.6
"""A true power law misses six sizes by more than this in 5 of 100 cases."""


@dataclass(frozen=True)
class PowerLaws:
    """Inverse power laws that explain measured errors, each with its weight.

    Each law is a shape times a height, and the height is normally distributed.

    Attributes:
        sizes: Those that were weighed, ascending, shape (S,).
        floors: Share of the error there that stays, shape (L,).
        rates: Exponents, shape (L,).
        heights: Mean error at the largest size, shape (L,).
        spreads: Standard deviation of it, shape (L,).
        weights: How well each explains the errors, shape (L,), summing to 1.
        misfit: Squared distance of the best law over its degrees of freedom; about 1 for
            errors that follow a law, and as much the intervals are widened above it.
    """

    sizes: Floats
    floors: Floats
    rates: Floats
    heights: Floats
    spreads: Floats
    weights: Floats
    misfit: float

    def error(self, images: float, *, confidence: float = 0.95) -> Estimate:
        """Return the expected error with so many training images."""
        return self._estimate(self._shape(images), confidence, worst=1.0)

    def gain(self, start: float, end: float, *, confidence: float = 0.95) -> Estimate:
        """Return by how much the expected error falls from one number of images to another."""
        return self._estimate(self._shape(start) - self._shape(end), confidence, worst=1.0)

    @property
    def rate(self) -> float:
        """The exponent, as the errors weigh it: the larger, the faster the error falls."""
        return float(self.weights @ self.rates)

    def _shape(self, images: float) -> Floats:
        """Return each law's error as a multiple of that at the largest size, shape (L,)."""
        falling: Floats = (images / self.sizes[-1]) ** -self.rates
        return self.floors + (1 - self.floors) * falling

    def _estimate(self, factors: Floats, confidence: float, *, worst: float) -> Estimate:
        middles = (np.arange(_NODES) + 0.5) / _NODES
        steps = _normal_quantiles(middles)
        heights = np.clip(self.heights[:, None] + self.spreads[:, None] * steps, 0.0, 1.0)
        values = np.clip(heights * factors[:, None], 0.0, worst).ravel()
        weights = np.repeat(self.weights / _NODES, _NODES)
        tail = (1 - confidence) / 2
        low, high = _weighted_quantiles(values, weights, (tail, 1 - tail))
        mean = float(weights @ values)
        return Estimate(mean, min(low, mean), max(high, mean))


def fit_power_laws(sizes: Floats, errors: Floats, covariance: Floats) -> PowerLaws:
    """Weigh power laws on as many of the largest sizes as follow one.

    With very few images the error is near that of guessing, and falls more slowly than any
    power law (the "small data region" of Hestness et al.): while the sizes fit none, the
    smallest is left out, down to :data:`LEAST_SIZES`.

    Args:
        sizes: As for :func:`weigh_power_laws`.
        errors: Likewise.
        covariance: Likewise.

    Raises:
        ValueError: Fewer than :data:`LEAST_SIZES` sizes.
    """
    first = 0
    while True:
        laws = weigh_power_laws(sizes[first:], errors[first:], covariance[first:, first:])
        if laws.misfit <= _MISFIT or len(sizes) - first <= LEAST_SIZES:
            return laws
        first += 1


def weigh_power_laws(sizes: Floats, errors: Floats, covariance: Floats) -> PowerLaws:
    """Weigh every inverse power law by how well it explains measured errors.

    The height of a law enters linearly, so it is integrated over in closed form; floor
    and rate run over a grid. Where even the best law misses the points by more than their
    covariance explains, that is scaled up until it does not (Birge's ratio), so that
    intervals widen instead of lying.

    Args:
        sizes: Numbers of training images, ascending, shape (S,).
        errors: Mean error with each, shape (S,), in [0, 1].
        covariance: Of the errors, shape (S, S): the same images judge every size.

    Raises:
        ValueError: Fewer than :data:`LEAST_SIZES` sizes.

    >>> sizes = np.array([50.0, 100, 200, 400, 800])
    >>> laws = weigh_power_laws(sizes, 0.9 * sizes**-0.5, np.eye(5) * 1e-8)
    >>> print(round(laws.gain(800, 1600).value, 3))
    0.009
    """
    if len(sizes) < LEAST_SIZES:
        raise ValueError(f"{len(sizes)} sizes: expected {LEAST_SIZES} or more")
    rates, floors, beforehand = _grid()
    shapes = floors[:, None] + (1 - floors[:, None]) * (sizes / sizes[-1]) ** -rates[:, None]
    inverse = np.linalg.inv(covariance + _RIDGE * np.eye(len(sizes)))
    precision = np.einsum("ls,st,lt->l", shapes, inverse, shapes)
    heights = (shapes @ inverse @ errors) / precision
    distances = np.maximum(0.0, errors @ inverse @ errors - heights**2 * precision)
    misfit = float(distances.min()) / (len(sizes) - 3)
    scale = max(_TEMPER, misfit)
    logs = np.log(beforehand) - distances / (2 * scale) - np.log(precision) / 2
    weights = np.exp(logs - logs.max())
    return PowerLaws(
        sizes=sizes,
        floors=floors,
        rates=rates,
        heights=heights,
        spreads=np.sqrt(scale / precision),
        weights=weights / weights.sum(),
        misfit=misfit,
    )


def _grid() -> tuple[Floats, Floats, Floats]:
    """Return rate, floor and weight beforehand of every law, each of shape (L,)."""
    rates, floors = (axis.ravel() for axis in np.meshgrid(_RATES, _FLOORS))
    spread = np.full(len(rates), (1 - _PURE - _FLAT) / len(rates))
    pure = np.full(len(_RATES), _PURE / len(_RATES))
    return (
        np.concatenate([rates, _RATES, [1.0]]),
        np.concatenate([floors, np.zeros(len(_RATES)), [1.0]]),
        np.concatenate([spread, pure, [_FLAT]]),
    )


def _normal_quantiles(shares: Floats) -> Floats:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(share) for share in shares])


def _weighted_quantiles(
    values: Floats, weights: Floats, shares: tuple[float, float]
) -> tuple[float, float]:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    places = np.minimum(np.searchsorted(reached, shares), len(order) - 1)
    low, high = values[order][places]
    return float(low), float(high)
