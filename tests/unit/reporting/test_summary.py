"""The first paragraph tells what matters, in words that the figures bear out."""

from __future__ import annotations

import re

import numpy as np
import pytest

from headstart.evaluation import Judgement, judge
from headstart.reporting import summary


def _judged(predictions: list[int], targets: list[int], confidence: float = 0.9) -> Judgement:
    classes = ["cat", "dog", "owl"]
    answers = np.full((len(targets), 3), (1 - confidence) / 2)
    answers[np.arange(len(targets)), predictions] = confidence
    return judge(answers, targets, classes=classes, resamples=50)


def _text(judgement: Judgement) -> str:
    joined = " ".join(str(sentence) for sentence in summary.summary(judgement))
    return re.sub("<[^>]+>", "", joined).replace("\u00a0", " ")


def test_the_headline_gives_value_count_and_interval() -> None:
    judgement = _judged([0] * 9 + [1], [0] * 9 + [2])
    assert (
        summary.headline(judgement).replace("\u00a0", " ")
        == "90.0 % of 10 unseen images right, 95 % interval 59.6 to 98.2 %"
    )


def test_a_clearly_weak_class_and_its_confusion_are_named() -> None:
    targets = [0] * 40 + [1] * 40 + [2] * 20
    predictions = [0] * 40 + [1] * 40 + [1] * 15 + [2] * 5
    text = _text(_judged(predictions, targets))
    assert "Clearly weaker than the rest is owl (25.0 % of 20 found" in text
    assert "owl taken for dog, 15 of 20 images" in text
    assert "largest one, cat, would be right 40.0 % of the time" in text


def test_no_class_is_called_weak_by_chance() -> None:
    targets = [0, 1, 2] * 10
    text = _text(_judged([*targets[:-1], 0], targets))
    assert "No class is clearly weaker than the rest; the lowest is owl" in text


@pytest.mark.parametrize(
    ("confidence", "verdict"),
    [(0.80, "can be taken at face value"), (0.99, "should not be taken at face value")],
)
def test_trust_follows_the_gap_between_claim_and_truth(confidence: float, verdict: str) -> None:
    targets = [0] * 500
    predictions = [0] * 400 + [1] * 100
    judgement = _judged(predictions, targets, confidence)
    assert summary.trust(judgement) == verdict
    assert verdict in _text(judgement)


def test_sure_answers_count_the_confident_bins_only() -> None:
    judgement = _judged([0] * 8 + [1] * 2, [0] * 10, confidence=0.97)
    sure = summary.sure_answers(judgement)
    assert sure is not None
    assert (sure.count, sure.share, sure.accuracy.value) == (10, 1.0, pytest.approx(0.8))
    assert summary.sure_answers(_judged([0], [0], confidence=0.6)) is None
