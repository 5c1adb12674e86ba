"""Do some kinds of images fare worse than the rest?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.evaluation.comparison import holm
from headstart.evaluation.counts import Bools, Floats, Ints
from headstart.evaluation.fisher import fisher_exact
from headstart.evaluation.intervals import Estimate, wilson
from headstart.evaluation.verdicts import p_text

_BINS: Final = 4
_LEAST: Final = 10
"""Images that a bin is to have on average, so that there is anything to be seen."""
_WORTH_SHOWING: Final = 5
"""Images below which a part, or what is left beside it, is not spoken of."""

Four: TypeAlias = "tuple[str, str, str, str]"


@dataclass(frozen=True)
class Trait:
    """Something that can be said of each of N images.

    Attributes:
        name: What it is: ``"brightness"``.
        values: Numbers, shape (N,), or names, shape (N,), such as file formats.
        grades: What images at the quarters of numbers are called, lowest first:
            ``("darkest", "darker", "brighter", "brightest")``. Empty for names.
        text: How a number is written.
    """

    name: str
    values: npt.NDArray[np.float64] | npt.NDArray[np.str_]
    grades: Four | tuple[()] = ()
    text: Callable[[float], str] = "{:.2f}".format


@dataclass(frozen=True, slots=True)
class Slice:
    """How well the images of one kind are recognised.

    Attributes:
        trait: What the kind is a matter of: ``"brightness"``.
        name: The kind: ``"darkest"``, ``"PNG"``.
        low: Least value of the trait in it; ``None`` for names.
        high: Greatest value; likewise.
        span: Both in words, such as ``"0.08 to 0.21"``; empty for names.
        n: How many images are of it.
        accuracy: Share of them that were answered right, with its Wilson interval.
        rest: The same of all other images.
        p_value: How often chance alone would set the two as far apart (Fisher's exact test).
        p_adjusted: The same after Holm's correction over all slices of all traits.
        differs: Whether the difference is shown, beyond chance.
    """

    trait: str
    name: str
    low: float | None
    high: float | None
    span: str
    n: int
    accuracy: Estimate
    rest: Estimate
    p_value: float
    p_adjusted: float
    differs: bool

    @property
    def words(self) -> str:
        """Say what is shown, or nothing where nothing is."""
        if not self.differs:
            return ""
        how = "less" if self.accuracy.value < self.rest.value else "more"
        span = f"{self.trait} {self.span}" if self.span else self.trait
        return (
            f"the {self.name} images ({span}) are recognised {how} often than the others: "
            f"{self.accuracy} of {self.n:,} against {self.rest.value:.3f} "
            f"(p {p_text(self.p_adjusted)})"
        )

    def to_json(self) -> dict[str, object]:
        """Return all of it as JSON."""
        return {
            "trait": self.trait,
            "name": self.name,
            "span": self.span,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "accuracy": self.accuracy.to_json(),
            "rest": self.rest.to_json(),
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "differs": self.differs,
        }


def slice_accuracy(
    traits: Iterable[Trait], right: Bools, *, confidence: float = 0.95
) -> tuple[Slice, ...]:
    """Cut images by their traits and judge each part against the rest.

    Numbers are cut at their quartiles; a value that a quarter of the images share is a part
    of its own. A trait that all share, and parts of fewer than five images, are left out.

    Args:
        traits: Of the same N images.
        right: Which were answered right, shape (N,).
        confidence: How often intervals are to hold the true share, in (0, 1); one less it is
            the chance of seeing any difference among all slices where there is none.

    Returns:
        Slices in the order of the traits, lowest values first.
    """
    parts = [part for trait in traits for part in _parts(trait) if _worth(part.member)]
    tables = [_counts(part.member, right) for part in parts]
    p_values = [fisher_exact(*table) for table in tables]
    adjusted = holm(p_values)
    return tuple(
        Slice(
            trait=part.trait.name,
            name=part.name,
            low=part.low,
            high=part.high,
            span=part.span,
            n=n,
            accuracy=wilson(hits, n, confidence=confidence),
            rest=wilson(rest_hits, rest_n, confidence=confidence),
            p_value=p_value,
            p_adjusted=p_adjusted,
            differs=p_adjusted < 1 - confidence,
        )
        for part, (hits, n, rest_hits, rest_n), p_value, p_adjusted in zip(
            parts, tables, p_values, adjusted, strict=True
        )
    )


@dataclass(frozen=True)
class _Part:
    trait: Trait
    name: str
    member: Bools
    low: float | None = None
    high: float | None = None

    @property
    def span(self) -> str:
        if self.low is None or self.high is None:
            return ""
        low, high = self.trait.text(self.low), self.trait.text(self.high)
        return low if low == high else f"{low} to {high}"


def _worth(member: Bools) -> bool:
    return _WORTH_SHOWING <= int(member.sum()) <= len(member) - _WORTH_SHOWING


def _counts(member: Bools, right: Bools) -> tuple[int, int, int, int]:
    hits, n = int((member & right).sum()), int(member.sum())
    return hits, n, int(right.sum()) - hits, len(right) - n


def _parts(trait: Trait) -> list[_Part]:
    if trait.values.dtype.kind in "UO":
        return [_Part(trait, str(name), trait.values == name) for name in np.unique(trait.values)]
    values = np.asarray(trait.values, np.float64)
    bin_of = quantile_bins(values)
    names = _grades(trait.grades, int(bin_of.max(initial=-1)) + 1)
    parts = []
    for number, name in enumerate(names):
        member = bin_of == number
        parts.append(_Part(trait, name, member, values[member].min(), values[member].max()))
    return parts


def quantile_bins(values: Floats) -> Ints:
    """Return which quarter each value lies in, shape (N,): 0 for the lowest.

    Fewer parts where there are few values or many are the same; a value that is a quarter of
    all, or more, has a part of its own. No part is empty.

    >>> quantile_bins(np.arange(40.0)).tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
    True
    >>> quantile_bins(np.array([1.0] + [7.0] * 38 + [9.0]))[[0, 1, 39]].tolist()
    [0, 1, 2]
    """
    bins = min(_BINS, len(values) // _LEAST)
    if bins < 2:
        return np.zeros(len(values), np.int64)
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    found, counts = np.unique(values, return_counts=True)
    common = found[counts * bins >= len(values)]
    places = 2 * np.searchsorted(edges, values, side="left")
    alone = np.isin(values, common) & np.isin(values, edges)
    return np.unique(places + alone, return_inverse=True)[1].astype(np.int64)


def _grades(grades: Sequence[str], parts: int) -> list[str]:
    """Name parts by their place between the extremes."""
    first, second, third, last = grades
    named = {
        0: [],
        1: ["all"],
        2: [second, third],
        3: [first, "middling", last],
        4: [first, second, third, last],
    }
    if parts in named:
        return named[parts]
    return [first, *(f"{number}. of {parts}" for number in range(2, parts)), last]
