"""The judgement of a classifier: every figure with its interval, from one set of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.counts import ClassCounts, Floats, Ints, confusion_matrix
from headstart.evaluation.figures import estimate_figures
from headstart.evaluation.inputs import checked_probabilities, checked_targets
from headstart.evaluation.intervals import Estimate, f1_interval, wilson
from headstart.evaluation.metrics import within_top_k
from headstart.evaluation.reliability import ReliabilityBin, reliability_curve
from headstart.evaluation.risk_coverage import RiskCoverage, risk_coverage

TOP_K = 5
_FEWEST = 50
"""Resamples where intervals are known already."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one class is recognised.

    Attributes:
        name: The class.
        support: How many images are of it.
        predicted: How many images were taken for it.
        precision: Share of those taken for it that are of it.
        recall: Share of those that are of it that were taken for it.
        f1: Harmonic mean of the two. A share of nothing is 0 in [0, 1].
    """

    name: str
    support: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Judgement:
    """What is known about a classifier from images it never learned from.

    Attributes:
        n: How many images it was judged on.
        metrics: ``accuracy``, ``top5_accuracy`` (above five classes), ``f1_macro``,
            ``f1_weighted``, ``balanced_accuracy``, ``nll``, ``brier``, ``ece``,
            ``ece_adaptive``, ``aurc`` and, where given, ``nll_uncalibrated`` and
            ``ece_uncalibrated``.
        per_class: One score per class, in class order.
        confusion: Counts of shape (K, K): true classes in rows, predicted in columns.
        reliability: Accuracy at each level of confidence.
        risk_coverage: The share of errors among the surest answers, for every share.
    """

    n: int
    metrics: Mapping[str, Estimate]
    per_class: tuple[ClassScore, ...]
    confusion: Ints = field(compare=False)
    reliability: tuple[ReliabilityBin, ...]
    risk_coverage: RiskCoverage

    def to_json(self) -> dict[str, int | dict[str, float]]:
        """Return ``n`` and every metric's triple, as ``metrics.json`` holds them."""
        return {"n": self.n, **{name: metric.to_json() for name, metric in self.metrics.items()}}

    def most_confused(self, limit: int = 10) -> list[tuple[str, str, int]]:
        """Return the commonest mistakes as (true, predicted, count), worst first."""
        mistakes = self.confusion - np.diag(np.diagonal(self.confusion))
        worst = np.argsort(-mistakes, axis=None, kind="stable")[: max(limit, 0)]
        pairs = [divmod(int(cell), len(self.per_class)) for cell in worst]
        return [
            (self.per_class[true].name, self.per_class[guess].name, int(mistakes[true, guess]))
            for true, guess in pairs
            if mistakes[true, guess]
        ]


def judge(
    probabilities: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    classes: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    uncalibrated: npt.ArrayLike | None = None,
    said: npt.ArrayLike | None = None,
) -> Judgement:
    """Judge a classifier's answers.

    Args:
        probabilities: Its (calibrated) answers, shape (N, K), rows that sum to 1.
        targets: The true classes, shape (N,), integers in [0, K).
        classes: Class names in column order, K of them.
        resamples: How many bootstrap resamples the intervals rest on.
        seed: The same seed gives the same intervals.
        confidence: How often such intervals are to hold the true figure, in (0, 1).
        uncalibrated: The answers before temperature scaling, shape (N, K), if those
            are to be judged as well.
        said: What each image was called, shape (N,), where costs make that another class
            than the most probable one. Calibration and top-5 accuracy stay those of the
            probabilities.

    Raises:
        ValueError: The shapes do not fit, a row is no distribution, a target is no
            class, there are no images, or a setting is out of range.

    >>> result = judge([[0.9, 0.1], [0.2, 0.8]], [0, 1], classes=["cat", "dog"])
    >>> print(result.metrics["accuracy"])
    1.000 [0.342, 1.000]
    """
    answers = checked_probabilities(probabilities, classes=classes)
    labels = checked_targets(targets, n=len(answers), classes=classes)
    before = None
    if uncalibrated is not None:
        before = checked_probabilities(uncalibrated, classes=classes)
        checked_targets(labels, n=len(before), classes=classes)
    resampling = Resampling(resamples=resamples, seed=seed, confidence=confidence)
    named = answers.argmax(axis=1) if said is None else said
    predictions = checked_targets(named, n=len(answers), classes=classes)
    curve = risk_coverage(
        np.take_along_axis(answers, predictions[:, None], axis=1)[:, 0],
        predictions == labels,
        resampling=resampling,
    )
    figures = estimate_figures(answers, labels, before, resampling=resampling, said=predictions)
    confusion = confusion_matrix(predictions, labels, classes=len(classes))
    shares = _shares(answers, labels, predictions, confidence)
    return Judgement(
        n=len(answers),
        metrics=shares | figures | {"aurc": curve.area},
        per_class=_class_scores(confusion, classes, confidence),
        confusion=confusion,
        reliability=reliability_curve(answers, labels),
        risk_coverage=curve,
    )


def restore_judgement(
    probabilities: npt.ArrayLike,
    predicted: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    classes: Sequence[str],
    metrics: Mapping[str, Estimate],
    confidence: float = 0.95,
) -> Judgement:
    """Return a judgement whose figures are known, from the answers it was made of.

    Args:
        probabilities: The answers, shape (N, K), perhaps rounded.
        predicted: The class that was said of each, shape (N,); rounding may have made ties.
        targets: The true classes, shape (N,).
        classes: Class names in column order, K of them.
        metrics: The figures, as they were written down; those that are missing are worked out.
        confidence: Of the intervals of single classes.

    Raises:
        ValueError: As for :func:`judge`.
    """
    again = partial(
        judge, probabilities, targets, classes=classes, confidence=confidence, said=predicted
    )
    anew = again(resamples=_FEWEST)
    if anew.metrics.keys() - metrics.keys():
        anew = again()
    return replace(anew, metrics={**anew.metrics, **metrics})


def _shares(
    answers: Floats, labels: Ints, predictions: Ints, confidence: float
) -> dict[str, Estimate]:
    right = {"accuracy": predictions == labels}
    if answers.shape[1] > TOP_K:
        right["top5_accuracy"] = within_top_k(answers, labels, k=TOP_K)
    return {
        name: wilson(int(hits.sum()), len(labels), confidence=confidence)
        for name, hits in right.items()
    }


def _class_scores(
    confusion: Ints, classes: Sequence[str], confidence: float
) -> tuple[ClassScore, ...]:
    counts = ClassCounts.of(confusion)
    rows = zip(
        classes,
        counts.hits.tolist(),
        counts.support.tolist(),
        counts.predicted.tolist(),
        strict=True,
    )
    return tuple(
        ClassScore(
            name=name,
            support=support,
            predicted=predicted,
            precision=wilson(hits, predicted, confidence=confidence),
            recall=wilson(hits, support, confidence=confidence),
            f1=f1_interval(hits, support + predicted - 2 * hits, confidence=confidence),
        )
        for name, hits, support, predicted in rows
    )
