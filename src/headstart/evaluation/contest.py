"""Any number of classifiers on the same images: who is better, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from headstart.evaluation.answers import Answers, as_answers, as_positions
from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.corrected_intervals import count_interval
from headstart.evaluation.counts import Bools, Ints
from headstart.evaluation.intervals import Estimate, wilson
from headstart.evaluation.metrics import f1_macro
from headstart.evaluation.paired_bootstrap import paired_replicates
from headstart.evaluation.pairs import Field, Pair, compare_pairs


@dataclass(frozen=True, slots=True)
class Standing:
    """One classifier's place among those that are compared.

    Attributes:
        place: 1 and how many others are shown to be better: those that no test tells
            apart from the best share the first place.
        name: The classifier.
        accuracy: Its accuracy with its interval.
        f1_macro: Its macro F1 with its interval.
        nll: Its mean negative log-likelihood; ``None`` without probabilities.
        only: Images that no other classifier got right.
    """

    place: int
    name: str
    accuracy: Estimate
    f1_macro: Estimate
    nll: float | None
    only: int


@dataclass(frozen=True)
class Contest:
    """Classifiers compared on the same images.

    Attributes:
        n: How many images all of them answered.
        classes: Class names.
        confidence: How often an interval is to hold the true figure.
        standings: Everyone, the best first.
        pairs: Every two of them, the better placed one first.
        targets: True classes, shape (N,).
        predictions: The class each named, shape (N,) each, by name.
    """

    n: int
    classes: tuple[str, ...]
    confidence: float
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    targets: Ints = field(compare=False, repr=False)
    predictions: Mapping[str, Ints] = field(compare=False, repr=False)

    def pair(self, one: str, other: str) -> Pair:
        """Return the comparison of two, the better placed one first.

        Raises:
            KeyError: They are not among those compared, or are the same.
        """
        for pair in self.pairs:
            if {pair.first, pair.second} == {one, other}:
                return pair
        names = ", ".join(standing.name for standing in self.standings)
        raise KeyError(f"no pair of {one!r} and {other!r}: compared are {names}")

    @property
    def leaders(self) -> tuple[Standing, ...]:
        """Those in the first place."""
        return tuple(standing for standing in self.standings if standing.place == 1)

    def right(self, name: str) -> Bools:
        """Return which images a classifier got right, shape (N,)."""
        return np.asarray(self.predictions[name] == self.targets, np.bool_)

    def only(self, name: str) -> Ints:
        """Return the rows of the images that a classifier alone got right."""
        others = [self.right(it.name) for it in self.standings if it.name != name]
        return np.flatnonzero(self.right(name) & ~np.any(others, axis=0))


def hold_contest(
    answers: Mapping[str, npt.ArrayLike],
    targets: npt.ArrayLike,
    *,
    classes: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Contest:
    """Compare classifiers that answered the same images.

    Args:
        answers: Name -> probabilities of shape (N, K), or the classes it named, shape
            (N,), as positions or names.
        targets: The true classes, shape (N,), as positions or names.
        classes: Class names in column order, K of them.
        resamples: How many bootstrap resamples the intervals rest on.
        seed: The same seed gives the same intervals.
        confidence: How often such intervals are to hold the true figure, in (0, 1); a
            difference counts as shown below a p-value of 1 less that.

    Raises:
        ValueError: There are fewer than two, or they do not fit together.

    >>> said = {"a": [[0.9, 0.1], [0.2, 0.8]], "b": [[0.6, 0.4], [0.7, 0.3]]}
    >>> contest = hold_contest(said, [0, 1], classes=["cat", "dog"])
    >>> contest.pair("a", "b").test.only_first, [it.place for it in contest.standings]
    (1, [1, 1])
    """
    if len(answers) < 2:
        raise ValueError(f"there are {len(answers)} classifiers to compare: expected two or more")
    names, values = tuple(answers), list(answers.values())
    n = np.asarray(targets).size
    if not n:
        raise ValueError("there are no images to compare on: n = 0, expected at least one")
    true = as_positions(targets, n=n, classes=classes)
    said = tuple(_named_answers(names[i], v, true, classes) for i, v in enumerate(values))
    members = _field(names, said, true, tuple(classes), Resampling(resamples, seed, confidence))
    return _contest(members)


def _named_answers(
    name: str, values: npt.ArrayLike, targets: Ints, classes: Sequence[str]
) -> Answers:
    try:
        return as_answers(values, targets, classes=classes)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _field(
    names: tuple[str, ...],
    answers: tuple[Answers, ...],
    targets: Ints,
    classes: tuple[str, ...],
    resampling: Resampling,
) -> Field:
    """Gather everyone, the most often right first."""
    order = sorted(range(len(names)), key=lambda i: -int(answers[i].right.sum()))
    said = tuple(answers[i] for i in order)
    unknown = np.full(len(targets), np.nan)
    replicates = paired_replicates(
        [it.predictions for it in said],
        targets,
        np.stack([unknown if it.losses is None else it.losses for it in said]),
        classes=len(classes),
        resampling=resampling,
    )
    ordered = tuple(names[i] for i in order)
    return Field(ordered, said, targets, classes, replicates, resampling)


def _contest(members: Field) -> Contest:
    pairs = compare_pairs(members, list(combinations(range(len(members.names)), 2)))
    standings = sorted(
        (_standing(members, member, pairs) for member in range(len(members.names))),
        key=lambda standing: (standing.place, -standing.accuracy.value),
    )
    predictions = {
        name: said.predictions for name, said in zip(members.names, members.answers, strict=True)
    }
    confidence = members.resampling.confidence
    classes, targets = members.classes, members.targets
    return Contest(len(targets), classes, confidence, tuple(standings), pairs, targets, predictions)


def _standing(members: Field, member: int, pairs: Sequence[Pair]) -> Standing:
    name, said = members.names[member], members.answers[member]
    n, confidence = len(members.targets), members.resampling.confidence
    mine = [pair for pair in pairs if name in (pair.first, pair.second)]
    ahead = sum(pair.better not in (None, name) for pair in mine)
    others = [it.right for index, it in enumerate(members.answers) if index != member]
    return Standing(
        place=1 + ahead,
        name=name,
        accuracy=wilson(int(said.right.sum()), n, confidence=confidence),
        f1_macro=count_interval(
            f1_macro,
            said.predictions,
            members.targets,
            members.replicates.f1_macro[member],
            classes=len(members.classes),
            confidence=confidence,
        ),
        nll=None if said.losses is None else float(said.losses.mean()),
        only=int((said.right & ~np.any(others, axis=0)).sum()),
    )
