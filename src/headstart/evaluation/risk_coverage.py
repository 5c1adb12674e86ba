"""What leaving the least sure answers out brings: the risk-coverage curve, and its area.

Geifman and El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017
(arXiv:1705.08500); the area: Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty
estimation for deep neural classifiers", ICLR 2019 (arXiv:1805.08206).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headstart.evaluation.bootstrap import Resampling, resample_counts
from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.intervals import Estimate, percentile_interval, wilson


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What answering only above a confidence comes to.

    Attributes:
        threshold: Answers at least so confident are given.
        answered: How many that are.
        coverage: Their share of all.
        risk: The share of them that is wrong, with its Wilson interval.
    """

    threshold: float
    answered: int
    coverage: float
    risk: Estimate


@dataclass(frozen=True)
class RiskCoverage:
    """The share of wrong answers at every share of answers.

    Attributes:
        n: How many images.
        thresholds: Every confidence that occurs, the highest first, shape (M,).
        answered: Images at least so confident, shape (M,).
        wrong: How many of them are wrong, shape (M,).
        area: Mean risk over all coverages (AURC): 0 is perfect, the error rate is what an
            arbitrary order has. Images of equal confidence count in arbitrary order.
        best_area: What an order that puts every error last would have.
        confidence: Level of the intervals.
    """

    n: int
    thresholds: Floats = field(compare=False)
    answered: Ints = field(compare=False)
    wrong: Ints = field(compare=False)
    area: Estimate
    best_area: float
    confidence: float = 0.95

    @property
    def error_rate(self) -> float:
        """The risk where every answer is given."""
        return float(self.wrong[-1] / self.n)

    def points(self, limit: int = 200) -> Iterator[OperatingPoint]:
        """Yield the curve from the most confident answers on.

        Args:
            limit: Most points; of more, some that are evenly far apart, the last included.
        """
        places = np.linspace(0, self.n, min(limit, len(self.answered)) + 1)[1:]
        for place in np.unique(np.searchsorted(self.answered, places)).tolist():
            yield self.at(place)

    def at(self, position: int) -> OperatingPoint:
        """Return one of the M points."""
        answered = int(self.answered[position])
        return OperatingPoint(
            threshold=float(self.thresholds[position]),
            answered=answered,
            coverage=answered / self.n,
            risk=wilson(int(self.wrong[position]), answered, confidence=self.confidence),
        )


def risk_coverage(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, resampling: Resampling | None = None
) -> RiskCoverage:
    """Trace the risk of answering only what is sure enough.

    Args:
        confidence: Of each answer, shape (N,).
        right: Whether it is true, shape (N,).
        resampling: How the area's interval is drawn.

    Raises:
        ValueError: The shapes do not fit, there are no answers, or one has no confidence.

    >>> curve = risk_coverage([0.9, 0.8, 0.6, 0.5], [True, True, False, True])
    >>> [round(point.risk.value, 2) for point in curve.points()]
    [0.0, 0.0, 0.33, 0.25]
    """
    sure, wrong = _checked(confidence, right)
    how = resampling or Resampling()
    order = np.argsort(-sure, kind="stable")
    starts = np.flatnonzero(np.diff(sure[order], prepend=np.inf))
    sizes = np.diff(starts, append=len(sure))
    errors = np.add.reduceat(wrong[order], starts)
    area = float(areas(sizes[None], errors[None])[0])
    return RiskCoverage(
        n=len(sure),
        thresholds=sure[order][starts],
        answered=np.cumsum(sizes),
        wrong=np.cumsum(errors),
        area=percentile_interval(
            area,
            _resampled_areas(wrong[order], starts, how),
            n=len(sure),
            worst=1.0,
            confidence=how.confidence,
        ),
        best_area=best_area(len(sure), int(wrong.sum())),
        confidence=how.confidence,
    )


def areas(sizes: Ints, errors: Ints) -> Floats:
    """Return the area under each of R risk-coverage curves, shape (R,).

    Within a group of equally confident images the order is arbitrary, so the mean over
    all orders is taken: with ``c`` images and ``e`` errors before it and a share ``f`` of
    errors in it, its ``j``-th image brings the risk ``(e + j f) / (c + j)``. Summed over
    ``j`` that is ``m f + (e - c f)`` times a difference of harmonic numbers.

    Args:
        sizes: Images of each group, the most confident first, shape (R, M).
        errors: How many of them are wrong, shape (R, M).
    """
    ends, wrong = np.cumsum(sizes, axis=1), np.cumsum(errors, axis=1)
    before, wrong_before = ends - sizes, wrong - errors
    share = np.divide(errors, sizes, out=np.zeros(sizes.shape), where=sizes > 0)
    total = int(ends[0, -1])
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, total + 1))])
    spread = harmonic[ends] - harmonic[before]
    sums = errors + (wrong_before - before * share) * spread
    return np.asarray(sums.sum(axis=1) / total, np.float64)


def best_area(n: int, errors: int) -> float:
    """Return the area where every error is among the least confident.

    >>> round(best_area(4, 1), 4)
    0.0625
    """
    sizes = np.array([[n - errors, *[1] * errors]])
    wrong = np.array([[0, *[1] * errors]])
    return float(areas(sizes, wrong)[0])


def _resampled_areas(wrong: Ints, starts: Ints, how: Resampling) -> Floats:
    """Return the area on each resample; ``wrong`` is sorted, the most confident first."""
    draws = resample_counts(len(wrong), resamples=how.resamples, seed=how.seed)
    drawn = [
        areas(
            np.add.reduceat(counts, starts, axis=1),
            np.add.reduceat(counts * wrong, starts, axis=1),
        )
        for counts in draws
    ]
    return np.concatenate(drawn)


def _checked(confidence: npt.ArrayLike, right: npt.ArrayLike) -> tuple[Floats, Ints]:
    sure, good = np.asarray(confidence, np.float64), np.asarray(right, np.bool_)
    if sure.ndim != 1 or sure.shape != good.shape:
        raise ValueError(
            f"confidence of shape {sure.shape} and right of shape {good.shape}: expected (N,) twice"
        )
    if not len(sure):
        raise ValueError("there are no answers: n = 0, expected at least one")
    if not np.isfinite(sure).all():
        raise ValueError("some confidence is NaN or infinite: the answers have no order")
    return sure, (~good).astype(np.int64)
