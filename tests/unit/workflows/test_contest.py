"""Which of two models is kept."""

from __future__ import annotations

import numpy as np

from headstart.workflows.contest import hold_against, words_of

TARGETS = np.zeros(40, dtype=np.int64)


def logits(right: list[bool], margin: float = 2.0) -> np.ndarray:
    return np.array([[margin, 0.0] if good else [0.0, margin] for good in right])


GOOD, BAD = logits([True] * 38 + [False] * 2), logits([True] * 25 + [False] * 15)


def test_the_better_model_is_kept() -> None:
    assert hold_against(GOOD, BAD, TARGETS).wins
    assert not hold_against(BAD, GOOD, TARGETS).wins
    assert "head on the pretrained network is kept" in words_of(hold_against(BAD, GOOD, TARGETS))


def test_as_many_right_answers_and_surely_better_probabilities_win() -> None:
    draws = np.random.default_rng(0)
    sure = np.stack([draws.uniform(2, 3, 200), np.zeros(200)], 1)
    unsure = sure * draws.choice([0.02, 1.0], 200)[:, None]
    targets = np.zeros(200, dtype=np.int64)
    assert hold_against(sure, unsure, targets).wins
    assert not hold_against(unsure, sure, targets).wins


def test_a_draw_goes_to_the_holder() -> None:
    same = logits([True] * 30 + [False] * 10)
    assert not hold_against(same, same, TARGETS).wins


def test_a_network_from_scratch_is_kept_and_a_failed_training_is_said() -> None:
    better = hold_against(GOOD, BAD, TARGETS, from_scratch=True)
    worse = hold_against(BAD, GOOD, TARGETS, from_scratch=True)
    assert better.wins
    assert worse.wins
    assert "the trained network is kept" in words_of(better)
    assert "worse than it was" in words_of(worse)
    assert "worse than it was" not in words_of(better)
