from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation import judge
from headstart.evaluation.left_out import judge_without, remaining

CLASSES = ("glass", "paper", "trash")
ANSWERS = np.array(
    [
        [0.8, 0.1, 0.1],  # glass, right
        [0.3, 0.2, 0.5],  # glass, taken for trash; glass among the others
        [0.1, 0.2, 0.7],  # paper, taken for trash; paper among the others
        [0.6, 0.3, 0.1],  # paper, taken for glass
        [0.1, 0.1, 0.8],  # trash
        [0.5, 0.4, 0.1],  # trash, taken for glass
    ]
)
TARGETS = np.array([0, 0, 1, 1, 2, 2])


def test_both_ways_of_leaving_a_class_out() -> None:
    result = judge_without(ANSWERS, TARGETS, classes=CLASSES, without=["trash"], resamples=100)
    assert (result.left_out, result.images, result.taken_for_left_out) == (("trash",), 2, 2)
    assert result.as_answered.value == 1 / 4
    assert result.renormalised.n == 4
    assert result.renormalised.metrics["accuracy"].value == 3 / 4
    assert [score.name for score in result.renormalised.per_class] == ["glass", "paper"]


def test_what_remains_is_judged_like_any_classifier() -> None:
    left = remaining(ANSWERS, TARGETS, CLASSES, without=["trash"])
    assert left.rows.tolist() == [0, 1, 2, 3]
    assert left.probabilities.sum(1) == pytest.approx(1)
    assert left.probabilities[1] == pytest.approx([0.6, 0.4])
    plain = judge(left.probabilities, left.targets, classes=left.classes, resamples=100)
    result = judge_without(ANSWERS, TARGETS, classes=CLASSES, without=["trash"], resamples=100)
    assert result.renormalised.metrics == plain.metrics
    stored = result.to_json()
    assert stored["as_answered"] == {"accuracy": result.as_answered.to_json()}
    assert stored["renormalised"] == plain.to_json()


def test_an_image_sure_to_be_of_the_class_left_out_counts_as_a_guess() -> None:
    left = remaining(np.array([[0.0, 0.0, 1.0]]), np.array([1]), CLASSES, without=["trash"])
    assert left.probabilities.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("without", "targets", "message"),
    [
        (["tarsh"], TARGETS, "tarsh is none of the classes: glass, paper, trash"),
        (["glass", "trash"], TARGETS, "1 of 3 classes would be left"),
        (["trash"], np.full(6, 2), "no image is of the classes that would be left"),
    ],
)
def test_what_cannot_be_left_out(without: list[str], targets: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        remaining(ANSWERS, targets, CLASSES, without=without)
