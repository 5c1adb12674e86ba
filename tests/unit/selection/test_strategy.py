from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.evaluation import Estimate, wilson
from headstart.evaluation.intervals import wilson_of_share
from headstart.selection.strategy import QUADRANTS, RULES, Evidence, advise, place, placed


def share(value: float, n: int = 1000) -> Estimate:
    return wilson_of_share(value, n)


def evidence(**changes: Any) -> Evidence:
    """TrashNet, as measured with EfficientNet-Lite0."""
    measured = Evidence(
        images=2096,
        classes=6,
        smallest=108,
        largest=486,
        sampled=1000,
        base=0.232,
        confidence=0.32,
        telling=0.43,
        knn=share(0.831),
        final=share(0.834),
        early=share(0.850),
        every=share(0.868),
    )
    return replace(measured, **changes)


ANTS_AND_BEES = evidence(
    images=371,
    classes=2,
    smallest=180,
    largest=191,
    sampled=371,
    base=0.515,
    confidence=0.72,
    telling=0.87,
    knn=wilson(356, 371),
    final=wilson(351, 371),
    early=wilson(343, 371),
    every=wilson(349, 371),
)
TEXTILE = evidence(
    images=1800,
    classes=3,
    smallest=450,
    largest=900,
    base=0.5,
    confidence=0.05,
    telling=0.04,
    knn=share(0.759),
    final=share(0.798),
    early=share(0.807),
    every=share(0.815),
)
CIFAR10 = evidence(
    images=50_000,
    classes=10,
    smallest=5000,
    largest=5000,
    base=0.1,
    confidence=0.23,
    telling=0.36,
    knn=share(0.642),
    final=share(0.699),
    early=share(0.719),
    every=share(0.717),
)


@pytest.mark.parametrize(
    ("known", "strategy"),
    [(ANTS_AND_BEES, "probe"), (evidence(), "full"), (TEXTILE, "full"), (CIFAR10, "full")],
    ids=["ants and bees", "TrashNet", "textile demo", "CIFAR-10"],
)
def test_the_rules_recommend_what_won_where_that_is_known(known: Evidence, strategy: str) -> None:
    assert advise(known).strategy == strategy


SIMILAR = {"confidence": 0.8, "telling": 0.9, "early": share(0.80)}


@pytest.mark.parametrize(
    ("changes", "strategy", "words"),
    [
        ({"images": 300, **SIMILAR}, "probe", "Head only"),
        ({"images": 300}, "early", "linear SVM"),
        (SIMILAR, "partial", "Partial fine-tuning"),
        ({}, "full", "Full fine-tuning"),
        (
            {
                "images": 200_000,
                "classes": 2,
                "every": share(0.4),
                "early": share(0.4),
                "final": share(0.3),
                "knn": share(0.3),
            },
            "scratch",
            "from scratch",
        ),
        ({"every": share(0.99)}, "probe", "Head only"),
    ],
)
def test_each_quadrant_has_its_strategy(changes: dict[str, Any], strategy: str, words: str) -> None:
    advice = advise(evidence(**changes))
    assert advice.strategy == strategy
    assert words in advice.text
    assert advice.reason


def test_many_images_of_very_many_classes_are_few() -> None:
    assert place(evidence(images=5000, classes=200)).size == "small"
    assert place(evidence(images=5000, classes=20)).size == "large"


def test_most_signs_decide_and_a_tie_means_different() -> None:
    assert place(evidence(confidence=0.9, telling=0.9)).similarity == "similar"
    assert place(evidence(confidence=0.9)).similarity == "different"
    assert place(evidence(confidence=0.9, telling=None)).similarity == "different"


def test_a_network_without_a_classifier_is_judged_by_its_features() -> None:
    advice = advise(evidence(confidence=None, telling=None, final=share(0.9)))
    assert len(advice.votes) == 1
    assert advice.similarity == "similar"


def test_nothing_to_go_by_means_different() -> None:
    advice = advise(evidence(confidence=None, telling=None, early=None))
    assert (advice.votes, advice.similarity) == ((), "different")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"smallest": 4}, "has 4 training images"),
        ({"largest": 900, "smallest": 90}, "class-weight balanced"),
        ({"final": share(0.24), "early": share(0.2), "every": share(0.25)}, "can be told"),
    ],
)
def test_cautions(changes: dict[str, Any], words: str) -> None:
    assert any(words in caution for caution in advise(evidence(**changes)).cautions)
    assert advise(evidence()).cautions == ()


def test_the_quadrant_in_words() -> None:
    assert placed(advise(evidence())).startswith("A large data set, different from")
    assert placed(advise(ANTS_AND_BEES)).startswith("A small data set, similar to")


def test_the_table_names_each_quadrants_rule() -> None:
    by_condition = {rule.when: rule.strategy for rule in RULES}
    for size, similarity, strategy, _ in QUADRANTS:
        assert by_condition[f"{size}, {similarity}"] == strategy


shares = st.floats(0, 1)


@given(st.integers(2, 10**7), st.integers(2, 1000), shares, shares, shares, shares, st.booleans())
def test_there_is_always_exactly_one_answer(
    images: int,
    classes: int,
    confidence: float,
    final: float,
    early: float,
    base: float,
    blind: bool,
) -> None:
    known = evidence(
        images=images,
        classes=classes,
        base=base,
        confidence=None if blind else confidence,
        final=share(final),
        early=share(early),
        every=share(early),
    )
    assert advise(known) == advise(known)
    assert advise(known).strategy in {rule.strategy for rule in RULES}
