from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from headstart.evaluation import judge
from headstart.evaluation.error_analysis import analyse_errors
from headstart.evaluation.slices import Trait

CLASSES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    targets = rng.integers(0, 3, 120)
    logits = rng.normal(size=(120, 3))
    logits[np.arange(120), targets] += 1.5
    scores = np.exp(2 * logits)
    return scores / scores.sum(1, keepdims=True), targets


def analyse(answers: tuple[np.ndarray, np.ndarray], **more: object) -> object:
    images = [f"{row}.jpg" for row in range(len(answers[1]))]
    return analyse_errors(*answers, classes=CLASSES, images=images, **more)


def test_every_image_is_in_the_galleries_where_it_belongs(answers: tuple) -> None:
    found = analyse(answers)
    predicted = answers[0].argmax(1)
    for k, it in enumerate(found.per_class):
        assert set(it.true_positives) == set(
            np.flatnonzero((answers[1] == k) & (predicted == k)).tolist()
        )
        assert set(it.false_negatives) == set(
            np.flatnonzero((answers[1] == k) & (predicted != k)).tolist()
        )
        assert set(it.false_positives) == set(
            np.flatnonzero((answers[1] != k) & (predicted == k)).tolist()
        )
        assert it.support == (answers[1] == k).sum()
        for rows in (it.true_positives, it.false_negatives, it.false_positives):
            assert (np.diff(found.confidence[list(rows)]) <= 0).all()


def test_figures_agree_with_the_judgement(answers: tuple) -> None:
    found, judged = analyse(answers), judge(*answers, classes=CLASSES, resamples=100)
    assert [(it.recall, it.precision, it.f1) for it in found.per_class] == [
        (score.recall, score.precision, score.f1) for score in judged.per_class
    ]
    pairs = [(it.true, it.predicted, it.count) for it in found.pairs]
    assert sorted(pairs) == sorted(judged.most_confused())
    assert [count for *_, count in pairs] == [count for *_, count in judged.most_confused()]
    assert [it.f1.value for it in found.worst_classes] == sorted(
        it.f1.value for it in found.per_class
    )
    wrong = judged.n - int(np.trace(judged.confusion))
    assert len(found.confident) == wrong == sum(it.count for it in found.pairs)


def test_pairs_say_their_share_of_the_true_class(answers: tuple) -> None:
    for it in analyse(answers).pairs:
        assert it.share.value == it.count / it.support
        assert it.share.low < it.share.value < it.share.high


def test_the_surest_mistakes_and_the_hardest_images_come_first(answers: tuple) -> None:
    found = analyse(answers)
    confident = found.confidence[list(found.confident)]
    assert (np.diff(confident) <= 0).all()
    fit = answers[0][np.arange(120), answers[1]]
    assert (np.diff(fit[list(found.hardest)]) >= 0).all()
    assert sorted(found.hardest) == list(range(120))


def test_slices_of_some_of_the_images(answers: tuple) -> None:
    rows = np.arange(0, 120, 2)
    trait = Trait("brightness", np.linspace(0, 1, 60), ("a", "b", "c", "d"))
    found = analyse(answers, traits=[trait], measured=rows)
    assert found.measured == 60
    assert sum(it.n for it in found.slices) == 60
    right = answers[0].argmax(1) == answers[1]
    assert found.slices[0].accuracy.value == pytest.approx(right[rows[:15]].mean())


def test_doubtful_test_labels_are_listed_with_their_images() -> None:
    sure = 0.997 * np.eye(3)[np.arange(60) % 3] + np.array([0.0005, 0.001, 0.0015])
    targets = sure.argmax(axis=1)
    targets[[1, 31, 49]] = 0
    found = analyse((sure, targets))
    assert [it.path for it in found.test_labels.suspects] == ["1.jpg", "31.jpg", "49.jpg"]
    first = found.test_labels.suspects[0]
    assert (first.path, first.split) == ("1.jpg", "test")
    assert (first.given, first.suggested, first.probability) == ("cat", "dog", 0.998)
    assert first.quality == 0.0005
    assert 2 < found.test_labels.expected <= 3
    assert found.test_labels.judged == 60
    assert found.labels.judged == 0


def test_a_perfect_classifier_has_no_errors() -> None:
    found = analyse((np.eye(3), np.arange(3)))
    assert (found.pairs, found.confident, found.slices, found.shown_slices) == ((), (), (), ())
    assert [it.f1.value for it in found.worst_classes] == [1, 1, 1]


def test_classes_that_do_not_occur_are_not_the_worst() -> None:
    found = analyse((np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), np.array([0, 1])))
    assert [it.name for it in found.worst_classes] == ["cat", "dog"]


def test_it_can_be_stored(answers: tuple) -> None:
    found = analyse(answers)
    stored = json.loads(json.dumps(found.to_json()))
    assert stored["n"] == 120
    assert stored["per_class"][0]["false_negatives"] == len(found.per_class[0].false_negatives)
    assert stored["pairs"][0]["share"] == found.pairs[0].share.to_json()
    assert dataclasses.replace(found) == found


def test_names_must_fit(answers: tuple) -> None:
    with pytest.raises(ValueError, match="1 names for 120 images"):
        analyse_errors(*answers, classes=CLASSES, images=["1.jpg"])
