from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation.answers import as_answers

CLASSES = ("cat", "dog", "eel")
TARGETS = np.array([0, 1, 2])


def test_probabilities() -> None:
    said = as_answers([[0.5, 0.3, 0.2], [0.6, 0.4, 0], [0, 0, 1]], TARGETS, classes=CLASSES)
    assert said.predictions.tolist() == [0, 0, 2]
    assert said.right.tolist() == [True, False, True]
    assert said.losses == pytest.approx(-np.log([0.5, 0.4, 1]))


@pytest.mark.parametrize("values", [[0, 0, 2], ["cat", "cat", "eel"]])
def test_classes_alone(values: list[object]) -> None:
    said = as_answers(values, TARGETS, classes=CLASSES)
    assert said.predictions.tolist() == [0, 0, 2]
    assert said.losses is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["cat", "cow", "eel"], "'cow' is none of the classes cat, dog, eel"),
        ([0, 3, 1], "expected 0 to 2"),
        ([[0.5, 0.5], [0.5, 0.5], [1, 0]], r"expected \(images, 3\)"),
        ([[0.5, 0.5, 0]], "1 answers for 3 targets"),
        ([[2.0, -1, 0]] * 3, "logits go through softmax first"),
    ],
)
def test_what_does_not_fit_is_refused(values: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_answers(values, TARGETS, classes=CLASSES)
