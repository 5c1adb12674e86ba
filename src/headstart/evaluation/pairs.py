"""Two classifiers on the same images: every difference with its interval, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.evaluation.agreement import Agreement, agreement
from headstart.evaluation.answers import Answers
from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.comparison import (
    PairedTest,
    holm,
    mcnemar,
    mcnemar_p_value,
    paired_difference,
)
from headstart.evaluation.counts import ClassCounts, Floats, Ints
from headstart.evaluation.intervals import Estimate
from headstart.evaluation.metrics import f1_macro
from headstart.evaluation.paired_bootstrap import (
    PairedReplicates,
    difference_interval,
    expanded_tail,
)
from headstart.evaluation.power import detectable_difference, images_needed


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """What two classifiers make of one class; differences are first less second.

    Attributes:
        name: The class.
        support: How many images are of it.
        only_first: Its images that only the first got right.
        only_second: Its images that only the second got right.
        recall: Difference of recall, with its interval.
        f1: Difference of F1, with its interval.
        p_value: McNemar's, on the images of the class, after Holm over the classes.
    """

    name: str
    support: int
    only_first: int
    only_second: int
    recall: Estimate
    f1: Estimate
    p_value: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two classifiers on the same images; differences are first less second.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        n: How many images both answered.
        test: McNemar's exact test of their accuracies.
        p_value: Its p-value after Holm, over all pairs that are compared.
        alpha: Below which p-value a difference counts as shown.
        both_right: Images that both got right.
        both_wrong: Images that neither did.
        accuracy: Difference of accuracy, with its interval (Agresti and Min's).
        accuracy_bootstrap: The same, with its interval by paired bootstrap.
        f1_macro: Difference of macro F1, with its interval by paired bootstrap.
        nll: Difference of the negative log-likelihood, likewise: above 0, the second's
            probabilities are the better ones. ``None`` where one has no probabilities.
        agreement: How often they say the same.
        detectable: Smallest true difference of accuracy that so many images would show
            four times of five; ``None`` where they are too few to show any.
        needed: How many images it would take to show a difference as small as the one
            that was seen; ``None`` where there was none.
        classes: The same, class by class.
    """

    first: str
    second: str
    n: int
    test: PairedTest
    p_value: float
    alpha: float
    both_right: int
    both_wrong: int
    accuracy: Estimate
    accuracy_bootstrap: Estimate
    f1_macro: Estimate
    nll: Estimate | None
    agreement: Agreement
    detectable: float | None
    needed: int | None
    classes: tuple[ClassDifference, ...]

    @property
    def differs(self) -> bool:
        """Whether the test shows that one is more often right than the other."""
        return self.p_value < self.alpha

    @property
    def better(self) -> str | None:
        """Name of the one that is more often right, if the test shows it."""
        if not self.differs:
            return None
        return self.first if self.test.only_first > self.test.only_second else self.second


@dataclass(frozen=True)
class Field:
    """Everyone who is compared, and what all comparisons share.

    Attributes:
        names: Of M classifiers.
        answers: What each said.
        targets: True classes, shape (N,).
        classes: Class names, K of them.
        replicates: What each reaches on the same resamples.
        resampling: How these were drawn.
    """

    names: tuple[str, ...]
    answers: tuple[Answers, ...]
    targets: Ints
    classes: tuple[str, ...]
    replicates: PairedReplicates
    resampling: Resampling

    def counts(self, member: int) -> ClassCounts:
        """Return one classifier's counts per class."""
        said = self.answers[member].predictions
        return ClassCounts.of_predictions(said, self.targets, classes=len(self.classes))


def compare_pairs(field: Field, pairs: Sequence[tuple[int, int]]) -> tuple[Pair, ...]:
    """Compare classifiers two by two.

    Args:
        field: Everyone.
        pairs: Whom to compare with whom; p-values are adjusted for as many tests.
    """
    confidence = field.resampling.confidence
    tests = [
        mcnemar(field.answers[a].right, field.answers[b].right, confidence=confidence)
        for a, b in pairs
    ]
    adjusted = holm([test.p_value for test in tests])
    counts = [field.counts(member) for member in range(len(field.names))]
    return tuple(
        _pair(field, counts, pair, test, p_value, tests=len(pairs))
        for pair, test, p_value in zip(pairs, tests, adjusted, strict=True)
    )


def _pair(
    field: Field,
    counts: Sequence[ClassCounts],
    pair: tuple[int, int],
    test: PairedTest,
    p_value: float,
    *,
    tests: int,
) -> Pair:
    first, second = pair
    one, other = field.answers[first], field.answers[second]
    n, confidence = len(field.targets), field.resampling.confidence
    drawn = field.replicates
    apart = (test.only_first + test.only_second) / n
    f1 = float(f1_macro(counts[first]) - f1_macro(counts[second]))
    gap = _loss_difference(one, other)

    def interval(value: float, replicates: Floats, instead: Estimate) -> Estimate:
        drawn = replicates[first] - replicates[second]
        return difference_interval(value, drawn, n=n, instead=instead, confidence=confidence)

    return Pair(
        first=field.names[first],
        second=field.names[second],
        n=n,
        test=test,
        p_value=p_value,
        alpha=1 - confidence,
        both_right=int((one.right & other.right).sum()),
        both_wrong=int((~one.right & ~other.right).sum()),
        accuracy=test.difference,
        accuracy_bootstrap=interval(test.difference.value, drawn.accuracy, test.difference),
        f1_macro=interval(f1, drawn.f1_macro, test.difference),
        nll=None if gap is None else interval(gap, drawn.nll, Estimate(gap, gap, gap)),
        agreement=agreement(
            one.predictions,
            other.predictions,
            classes=len(field.classes),
            confidence=confidence,
        ),
        detectable=detectable_difference(n, apart, alpha=(1 - confidence) / tests),
        needed=images_needed(test.difference.value, apart, alpha=1 - confidence),
        classes=_class_differences(field, counts, pair),
    )


def _loss_difference(one: Answers, other: Answers) -> float | None:
    if one.losses is None or other.losses is None:
        return None
    return float((one.losses - other.losses).mean())


def _class_differences(
    field: Field, counts: Sequence[ClassCounts], pair: tuple[int, int]
) -> tuple[ClassDifference, ...]:
    first, second = pair
    one, other = field.answers[first].right, field.answers[second].right
    size, confidence = len(field.classes), field.resampling.confidence
    wins = np.bincount(field.targets[one & ~other], minlength=size).tolist()
    losses = np.bincount(field.targets[other & ~one], minlength=size).tolist()
    support = counts[first].support.tolist()
    chances = holm([mcnemar_p_value(*tally) for tally in zip(wins, losses, strict=True)])
    values = counts[first].f1 - counts[second].f1
    drawn = field.replicates.class_f1
    scores = _f1_intervals(values, drawn[first] - drawn[second], len(one), confidence)
    return tuple(
        ClassDifference(
            name=name,
            support=support[index],
            only_first=wins[index],
            only_second=losses[index],
            recall=paired_difference(
                wins[index], losses[index], support[index], confidence=confidence
            ),
            f1=scores[index],
            p_value=chances[index],
        )
        for index, name in enumerate(field.classes)
    )


def _f1_intervals(values: Floats, replicates: Floats, n: int, confidence: float) -> list[Estimate]:
    """Return intervals of K differences from replicates (R, K), all quantiles at once."""
    tail = expanded_tail(n, confidence)
    lows, highs = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return [
        Estimate(value, min(value, low), max(value, high))
        for value, low, high in zip(values.tolist(), lows.tolist(), highs.tolist(), strict=True)
    ]
