from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.selection.recognition import label_skill, read_answers, top_labels, verdict

WORDS = ("carbonara", "envelope", "velvet")


def logits_for(first: list[int], *, sure: float) -> np.ndarray:
    """Logits whose first answers are these, each with this probability."""
    rest = (1 - sure) / (len(WORDS) - 1)
    return np.log(np.where(np.eye(len(WORDS))[first] > 0, sure, rest)).astype(np.float16)


def test_a_class_is_described_by_its_commonest_answers() -> None:
    logits = logits_for([0, 0, 0, 1, 2, 2], sure=0.8)
    targets = np.array([0, 0, 0, 0, 1, 1])
    answers = read_answers(logits, targets, classes=("noodles", "leaves"), labels=WORDS)
    noodles, leaves = answers.per_class
    assert (noodles.name, noodles.images) == ("noodles", 4)
    assert [(it.label, it.share) for it in noodles.labels] == [
        ("carbonara", 0.75),
        ("envelope", 0.25),
    ]
    assert noodles.labels[0].confidence == pytest.approx((3 * 0.8 + 0.1) / 4, abs=1e-3)
    assert noodles.confidence == pytest.approx(0.8, abs=1e-3)
    assert noodles.consistency == 0.75
    assert noodles.spread == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))
    assert (leaves.spread, leaves.entropy, leaves.labels[0].rows) == (1.0, 0.0, (4, 5))
    assert answers.consistency == pytest.approx((0.75 + 1) / 2)


def test_the_surest_images_come_first() -> None:
    logits = np.array([[1, 0, 0], [3, 0, 0], [2, 0, 0]], dtype=np.float16)
    answers = read_answers(logits, np.zeros(3, dtype=np.int64), classes=("all",), labels=WORDS)
    assert answers.per_class[0].labels[0].rows == (1, 2, 0)


def test_guessing_has_full_entropy() -> None:
    logits = logits_for([0, 1, 2], sure=0.5)
    found = read_answers(logits, np.zeros(3, dtype=np.int64), classes=("a",), labels=WORDS)
    assert found.per_class[0].entropy == pytest.approx(1.0)
    assert found.per_class[0].spread == pytest.approx(3.0)


def test_a_class_without_images_is_left_out() -> None:
    answers = read_answers(
        logits_for([0], sure=0.5), np.array([1]), classes=("a", "b"), labels=WORDS
    )
    assert [found.name for found in answers.per_class] == ["b"]


@pytest.mark.parametrize(
    ("first", "sure", "words"),
    [
        ([0, 0, 0, 0], 0.9, "known"),
        ([0, 1, 2, 0, 1, 2], 0.9, "several things"),
        ([0, 0, 0, 0], 0.4, "known, unsurely"),
        ([0, 1, 2, 0, 1, 2], 0.4, "unsure"),
    ],
)
def test_a_class_in_a_word(first: list[int], sure: float, words: str) -> None:
    targets = np.zeros(len(first), dtype=np.int64)
    answers = read_answers(logits_for(first, sure=sure), targets, classes=("a",), labels=WORDS)
    assert verdict(answers.per_class[0]) == words


def test_what_spreads_over_many_labels_is_hardly_known() -> None:
    logits = np.zeros((3, 10), dtype=np.float16)
    labels = [str(number) for number in range(10)]
    answers = read_answers(logits, np.zeros(3, dtype=np.int64), classes=("a",), labels=labels)
    assert verdict(answers.per_class[0]) == "hardly known"


def test_labels_that_part_the_classes_tell_everything() -> None:
    assert label_skill(np.array([7, 7, 7, 3, 3, 3]), np.array([0, 0, 0, 1, 1, 1])) == 1.0


def test_one_label_for_everything_tells_nothing() -> None:
    assert label_skill(np.full(10, 5), np.array([0] * 6 + [1] * 4)) == 0.0


def test_labels_of_their_own_tell_nothing() -> None:
    assert label_skill(np.arange(10), np.array([0] * 6 + [1] * 4)) == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40))
def test_skill_is_a_share_and_ignores_order(pairs: list[tuple[int, int]]) -> None:
    first, targets = (np.array(column) for column in zip(*pairs, strict=True))
    skill = label_skill(first, targets)
    assert 0 <= skill <= 1
    assert label_skill(first[::-1], targets[::-1]) == pytest.approx(skill)


def test_the_likeliest_labels_of_each_image() -> None:
    (labels,) = top_labels(logits_for([1], sure=0.8), WORDS, most=2)
    assert [label for label, _ in labels] == ["envelope", "carbonara"]
    assert labels[0][1] == pytest.approx(0.8, abs=1e-3)
