"""The report's first paragraph: what a busy reader must know, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from headstart.evaluation import ClassScore, Estimate, Judgement, wilson
from headstart.reporting.words import counted, percent, percent_interval, shortened

_NAME = Markup('<bdi class="name">{}</bdi>')
_SURE = 0.9
"""A bin that begins here or above counts as "sure"."""
_TRUSTED, _ROUGH = 0.04, 0.10
"""Calibration errors up to which confidence can be taken at face value, or roughly."""


@dataclass(frozen=True)
class SureAnswers:
    """The answers given with high confidence: how many, and how often they are right."""

    threshold: float
    share: float
    count: int
    accuracy: Estimate


def headline(test: Judgement) -> str:
    """Return the one sentence that says how good the model is."""
    accuracy = test.metrics["accuracy"]
    return (
        f"{percent(accuracy.value)} of {counted(test.n)} unseen images right, "
        f"95\u00a0% interval {percent_interval(accuracy)}"
    )


def summary(test: Judgement) -> list[Markup]:
    """Return the sentences on weak classes, confusions and trust, escaped for HTML."""
    sentences = [_baseline(test), _weak_classes(test), _confusion(test), _trust(test), _sure(test)]
    return [sentence for sentence in sentences if sentence]


def baseline(test: Judgement) -> tuple[str, float]:
    """Return the most frequent true class and its share: what guessing it would reach."""
    largest = max(test.per_class, key=lambda score: score.support)
    return largest.name, largest.support / max(test.n, 1)


def mean_confidence(judgement: Judgement) -> float:
    """Return the average confidence the model claims, from its reliability bins."""
    filled = [b for b in judgement.reliability if b.count]
    total = sum(b.count for b in filled)
    return sum(b.count * b.confidence for b in filled) / total if total else math.nan


def sure_answers(judgement: Judgement) -> SureAnswers | None:
    """Return how the most confident bins do, or ``None`` where they are empty."""
    sure = [b for b in judgement.reliability if b.low >= _SURE and b.count]
    if not sure:
        return None
    count = sum(b.count for b in sure)
    right = round(sum(b.count * b.accuracy for b in sure))
    threshold = min(b.low for b in sure)
    return SureAnswers(threshold, count / judgement.n, count, wilson(right, count))


def weak_classes(test: Judgement) -> list[ClassScore]:
    """Return the classes whose recall lies clearly below the accuracy, weakest first."""
    accuracy = test.metrics["accuracy"].value
    weak = [score for score in test.per_class if score.support and score.recall.high < accuracy]
    return sorted(weak, key=lambda score: score.recall.value)


def trust(test: Judgement) -> str:
    """Return a few words on whether confidence means what it says."""
    error = test.metrics["ece"]
    if error.value <= _TRUSTED:
        return "can be taken at face value"
    if error.value > _ROUGH and error.low > _TRUSTED:
        return "should not be taken at face value"
    return "is roughly right"


def _baseline(test: Judgement) -> Markup:
    name, share = baseline(test)
    return Markup(
        "The model tells {} classes apart; always answering the largest one, {}, "
        "would be right {} of the time."
    ).format(len(test.per_class), _name(name), percent(share))


def _weak_classes(test: Judgement) -> Markup:
    weak = weak_classes(test)
    if weak:
        verb = "is" if len(weak) == 1 else "are"
        return Markup("Clearly weaker than the rest {} {}.").format(verb, _recalls(weak))
    known = [score for score in test.per_class if score.support]
    lowest = min(known, key=lambda score: score.recall.value)
    return Markup("No class is clearly weaker than the rest; the lowest is {}.").format(
        _recalls([lowest])
    )


def _recalls(scores: Sequence[ClassScore], limit: int = 3) -> Markup:
    texts = [
        Markup("{} ({} of {} found, 95\u00a0% interval {})").format(
            _name(score.name),
            percent(score.recall.value),
            score.support,
            percent_interval(score.recall),
        )
        for score in scores[:limit]
    ]
    if len(scores) > limit:
        texts.append(Markup("{} more").format(len(scores) - limit))
    head, last = texts[:-1], texts[-1]
    return Markup(" and ").join([Markup(", ").join(head), last]) if head else last


def _confusion(test: Judgement) -> Markup:
    confused = test.most_confused(1)
    if not confused:
        return Markup("No image was confused with another class.")
    true, predicted, count = confused[0]
    if count == 1:
        return Markup("No class was taken for the same other one more than once.")
    support = next(score.support for score in test.per_class if score.name == true)
    return Markup("The most frequent confusion: {} taken for {}, {} of {} images.").format(
        _name(true), _name(predicted), count, support
    )


def _trust(test: Judgement) -> Markup:
    return Markup("Its confidence {}: it claims {} on average and is right {} of the time.").format(
        trust(test), percent(mean_confidence(test)), percent(test.metrics["accuracy"].value)
    )


def _sure(test: Judgement) -> Markup:
    sure = sure_answers(test)
    if sure is None:
        return Markup("")
    return Markup(
        "Where it is more than {} sure, on {} of {} images, {} are right (95\u00a0% interval {})."
    ).format(
        percent(sure.threshold, digits=0),
        counted(sure.count),
        counted(test.n),
        percent(sure.accuracy.value),
        percent_interval(sure.accuracy),
    )


def _name(name: str) -> Markup:
    return _NAME.format(shortened(name, 40))
