"""Where a classifier fails: on which images, between which classes, on what kinds of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.evaluation.confident_learning import doubt_labels
from headstart.evaluation.counts import Bools, Floats, Ints
from headstart.evaluation.inputs import checked_probabilities, checked_targets
from headstart.evaluation.intervals import Estimate, f1_interval, wilson
from headstart.evaluation.label_noise import fit_label_noise
from headstart.evaluation.slices import Slice, Trait, slice_accuracy

Rows = tuple[int, ...]
"""Row numbers of judged images, as in ``predictions.csv``, from 0."""
LOOK_AT: Final = 1 / 3
"""Probability of a wrong label from which on it is worth a look."""
_PAIRS_STORED: Final = 100
"""Pairs that ``errors.json`` holds: of a thousand classes there may be thousands."""


@dataclass(frozen=True, slots=True)
class ClassErrors:
    """The images that have to do with one class.

    Attributes:
        name: The class.
        true_positives: Its images that were taken for it, the surest first.
        false_negatives: Its images that were taken for another, the surest first.
        false_positives: Images of others that were taken for it, the surest first.
        recall: Share of its images that were taken for it.
        precision: Share of those taken for it that are of it.
        f1: Harmonic mean of the two.
    """

    name: str
    true_positives: Rows
    false_negatives: Rows
    false_positives: Rows
    recall: Estimate
    precision: Estimate
    f1: Estimate

    @property
    def support(self) -> int:
        """How many images are of the class."""
        return len(self.true_positives) + len(self.false_negatives)


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Images of one class that were taken for another.

    Attributes:
        true: What they are.
        predicted: What they were taken for.
        rows: Which they are, the surest mistakes first.
        support: How many images are of the true class.
        share: Share of these that were so mistaken, with its Wilson interval.
    """

    true: str
    predicted: str
    rows: Rows
    support: int
    share: Estimate

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image whose label is worth a look.

    Attributes:
        path: Its name inside the source.
        split: The split it is in; empty where the data has none.
        given: Its label.
        suggested: The class that it seems to be of.
        probability: Calibrated probability of that class, 0 to 1.
        quality: How well the given label fits: its calibrated probability, 0 to 1.
        wrong: Probability that the label is a mistake and not the classifier; NaN where it
            was not recorded.
    """

    path: str
    split: str
    given: str
    suggested: str
    probability: float
    quality: float
    wrong: float = field(default=math.nan, compare=False)


@dataclass(frozen=True)
class LabelCheck:
    """What was found among some labels. Nothing is changed.

    Attributes:
        judged: How many labels could be judged.
        suspects: Those that are worth a look, the worst first.
        overlapping: Pairs of classes that were confused too often to be judged against each
            other.
    """

    judged: int = 0
    suspects: tuple[Suspect, ...] = ()
    overlapping: tuple[tuple[str, str], ...] = ()

    @property
    def expected(self) -> float:
        """How many of the suspects are to be expected to be wrong; NaN if not recorded."""
        return math.fsum(it.wrong for it in self.suspects)

    def to_json(self) -> dict[str, object]:
        """Return the figures; images are in the tables."""
        known = not math.isnan(self.expected)
        return {
            "judged": self.judged,
            "suspects": len(self.suspects),
            "expected_wrong": self.expected if known else None,
            "overlapping": [list(pair) for pair in self.overlapping],
        }


@dataclass(frozen=True, kw_only=True)
class ErrorAnalysis:
    """Where a classifier fails, on N images that it never learned from.

    Attributes:
        classes: Class names, K of them.
        images: Name of each image inside its source, N of them.
        targets: True class of each, shape (N,), positions in ``classes``.
        predicted: The class that each was taken for, shape (N,).
        confidence: Calibrated probability of that class, shape (N,).
        fit: Calibrated probability of the true class, shape (N,).
        per_class: Images by class, in class order.
        pairs: Classes that were taken for others, the commonest mistake first.
        confident: Wrong answers, the surest first.
        hardest: All images, those whose true class got the least probability first.
        slices: Kinds of images against the rest.
        measured: How many images the slices rest on; 0 where nothing is known of them.
        labels: Doubtful labels among training and validation images, by answers that were
            given while each image was held out.
        test_labels: Doubtful labels among these N images, by the classifier's own answers.
            To be looked at, never to be changed by what the classifier says: it would then
            be judged by its own opinion.
    """

    classes: tuple[str, ...]
    images: tuple[str, ...]
    targets: Ints = field(compare=False)
    predicted: Ints = field(compare=False)
    confidence: Floats = field(compare=False)
    fit: Floats = field(compare=False)
    per_class: tuple[ClassErrors, ...]
    pairs: tuple[ConfusedPair, ...]
    confident: Rows
    hardest: Rows
    slices: tuple[Slice, ...] = ()
    measured: int = 0
    labels: LabelCheck = LabelCheck()
    test_labels: LabelCheck = LabelCheck()

    @property
    def n(self) -> int:
        """How many images were judged."""
        return len(self.images)

    @property
    def worst_classes(self) -> tuple[ClassErrors, ...]:
        """Classes that occur, the lowest F1 first."""
        occurring = [it for it in self.per_class if it.support or it.false_positives]
        return tuple(sorted(occurring, key=lambda it: it.f1.value))

    @property
    def shown_slices(self) -> tuple[Slice, ...]:
        """Kinds of images whose difference from the rest is beyond chance, the worst first."""
        shown = [it for it in self.slices if it.differs]
        return tuple(sorted(shown, key=lambda it: it.accuracy.value - it.rest.value))

    def to_json(self) -> dict[str, object]:
        """Return the figures, as ``errors.json`` holds them; images are in the tables."""
        return {
            "schema": 1,
            "n": self.n,
            "wrong": len(self.confident),
            "per_class": [_class_json(it) for it in self.per_class],
            "pairs": [_pair_json(it) for it in self.pairs[:_PAIRS_STORED]],
            "pairs_total": len(self.pairs),
            "slices": [it.to_json() for it in self.slices],
            "images_measured": self.measured,
            "labels": self.labels.to_json(),
            "test_labels": self.test_labels.to_json(),
        }

    def with_labels(self, labels: LabelCheck) -> ErrorAnalysis:
        """Return the analysis with what was found among training and validation labels."""
        return replace(self, labels=labels)


def analyse_errors(
    probabilities: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    classes: Sequence[str],
    images: Sequence[str],
    traits: Sequence[Trait] = (),
    measured: Ints | None = None,
    splits: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> ErrorAnalysis:
    """Say where a classifier fails.

    Args:
        probabilities: Its (calibrated) answers, shape (N, K).
        targets: True classes, shape (N,), integers in [0, K).
        classes: Class names in column order, K of them.
        images: Name of each image, N of them.
        traits: What is known of M of the images, to find kinds that fare worse.
        measured: Which images these are, shape (M,); all, if not given.
        splits: The split of each image, N of them; ``test``, if not given.
        confidence: How often intervals are to hold the true figure, in (0, 1).

    Raises:
        ValueError: The shapes do not fit, a row is no distribution, or there are no images.

    >>> found = analyse_errors(
    ...     [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]],
    ...     [0, 1, 1],
    ...     classes=["cat", "dog"],
    ...     images=["1.jpg", "2.jpg", "3.jpg"],
    ... )
    >>> [(pair.true, pair.predicted, pair.rows, str(pair.share)) for pair in found.pairs]
    [('dog', 'cat', (1,), '0.500 [0.095, 0.905]')]
    """
    answers = checked_probabilities(probabilities, classes=classes)
    labels = checked_targets(targets, n=len(answers), classes=classes)
    if len(images) != len(answers):
        raise ValueError(f"{len(images)} names for {len(answers)} images: expected one each")
    predicted, surest = answers.argmax(axis=1), answers.max(axis=1)
    wrong = predicted != labels
    rows = np.arange(len(labels)) if measured is None else measured
    fit = answers[np.arange(len(labels)), labels]
    by_confidence = np.argsort(-surest, kind="stable")
    return ErrorAnalysis(
        classes=tuple(classes),
        images=tuple(images),
        targets=labels,
        predicted=predicted,
        confidence=surest,
        fit=fit,
        per_class=_per_class(labels, predicted, by_confidence, classes, confidence),
        pairs=_pairs(labels, predicted, by_confidence, classes, confidence),
        confident=_rows(by_confidence, wrong),
        hardest=tuple(np.argsort(fit, kind="stable").tolist()),
        slices=slice_accuracy(traits, ~wrong[rows], confidence=confidence),
        measured=len(rows) if traits else 0,
        test_labels=check_labels(
            answers, labels, classes=classes, images=images, splits=splits or ["test"] * len(labels)
        ),
    )


def check_labels(
    probabilities: Floats,
    labels: Ints,
    *,
    classes: Sequence[str],
    images: Sequence[str],
    splits: Sequence[str],
) -> LabelCheck:
    """Find labels that are worth a look.

    They are those that confident learning doubts, where a mistake explains them well enough
    beside the classifier's own errors: with a probability of at least :data:`LOOK_AT`.

    Args:
        probabilities: What a model says of images it did not learn from, shape (N, K).
        labels: The given class of each image, shape (N,).
        classes: Class names in column order, K of them.
        images: Name of each image, N of them.
        splits: The split of each image, N of them.
    """
    doubts, noise = doubt_labels(probabilities, labels), fit_label_noise(probabilities, labels)
    rows = [row for row in doubts.ranked.tolist() if noise.wrong[row] >= LOOK_AT]
    return LabelCheck(
        judged=len(labels),
        suspects=tuple(
            Suspect(
                path=images[row],
                split=splits[row],
                given=classes[labels[row]],
                suggested=classes[doubts.suggested[row]],
                probability=float(doubts.probability[row]),
                quality=float(doubts.quality[row]),
                wrong=float(noise.wrong[row]),
            )
            for row in rows
        ),
        overlapping=tuple((classes[a], classes[b]) for a, b in noise.overlapping),
    )


def _rows(order: Ints, member: Bools) -> Rows:
    return tuple(order[member[order]].tolist())


def _per_class(
    labels: Ints, predicted: Ints, order: Ints, classes: Sequence[str], confidence: float
) -> tuple[ClassErrors, ...]:
    return tuple(
        _class_errors(name, labels == k, predicted == k, order, confidence)
        for k, name in enumerate(classes)
    )


def _class_errors(
    name: str, of_it: Bools, taken_for_it: Bools, order: Ints, confidence: float
) -> ClassErrors:
    hits = _rows(order, of_it & taken_for_it)
    missed = _rows(order, of_it & ~taken_for_it)
    false = _rows(order, taken_for_it & ~of_it)
    return ClassErrors(
        name=name,
        true_positives=hits,
        false_negatives=missed,
        false_positives=false,
        recall=wilson(len(hits), len(hits) + len(missed), confidence=confidence),
        precision=wilson(len(hits), len(hits) + len(false), confidence=confidence),
        f1=f1_interval(len(hits), len(missed) + len(false), confidence=confidence),
    )


def _pairs(
    labels: Ints, predicted: Ints, order: Ints, classes: Sequence[str], confidence: float
) -> tuple[ConfusedPair, ...]:
    rows: dict[tuple[int, int], list[int]] = {}
    for row in order[labels[order] != predicted[order]].tolist():
        rows.setdefault((int(labels[row]), int(predicted[row])), []).append(row)
    support = np.bincount(labels, minlength=len(classes))
    pairs = [
        ConfusedPair(
            true=classes[true],
            predicted=classes[guess],
            rows=tuple(mistaken),
            support=int(support[true]),
            share=wilson(len(mistaken), int(support[true]), confidence=confidence),
        )
        for (true, guess), mistaken in sorted(rows.items())
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.share.value)))


def _class_json(it: ClassErrors) -> dict[str, object]:
    return {
        "label": it.name,
        "true_positives": len(it.true_positives),
        "false_negatives": len(it.false_negatives),
        "false_positives": len(it.false_positives),
        "recall": it.recall.to_json(),
        "precision": it.precision.to_json(),
        "f1": it.f1.to_json(),
    }


def _pair_json(it: ConfusedPair) -> dict[str, object]:
    return {
        "true": it.true,
        "predicted": it.predicted,
        "count": it.count,
        "support": it.support,
        "share": it.share.to_json(),
    }
