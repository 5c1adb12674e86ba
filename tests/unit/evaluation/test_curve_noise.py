from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation.curve_noise import point_covariance

IMAGES = 600
FOLDS = np.arange(IMAGES) % 5
SIZES = np.array([100.0, 200.0])


def answers(rng: np.random.Generator, share: float, repeats: int = 1) -> np.ndarray:
    return rng.random((repeats, IMAGES)) < share


def test_it_is_that_of_a_bootstrap_over_images() -> None:
    rng = np.random.default_rng(0)
    first = answers(rng, 0.7)
    second = first | answers(rng, 0.4)  # the same images judge both
    found = point_covariance([first, second], SIZES, FOLDS, range(IMAGES))
    rows = rng.integers(IMAGES, size=(4000, IMAGES))
    drawn = np.cov(first[0][rows].mean(1), second[0][rows].mean(1))
    assert found == pytest.approx(drawn, rel=0.15)
    assert found[0, 1] > 0


def test_images_of_one_group_count_as_one() -> None:
    right = np.repeat(answers(np.random.default_rng(0), 0.7)[:, : IMAGES // 4], 4, axis=1)
    alone = point_covariance([right], SIZES[:1], FOLDS, range(IMAGES))
    grouped = point_covariance([right], SIZES[:1], FOLDS, [row // 4 for row in range(IMAGES)])
    assert grouped[0, 0] == pytest.approx(4 * alone[0, 0], rel=0.05)


def test_training_draws_add_their_own_variance() -> None:
    """A fold's accuracy moves by 5 points from draw to draw, at 100 images."""
    rng = np.random.default_rng(0)
    found, without = [], []
    for _ in range(100):
        small = np.zeros((3, IMAGES), bool)
        for repeat in range(3):
            for fold in range(5):
                mine = fold == FOLDS
                small[repeat, mine] = rng.random(mine.sum()) < 0.7 + rng.normal(0, 0.05)
        large = answers(rng, 0.8)
        covariance = point_covariance([small, large], SIZES, FOLDS, range(IMAGES))
        single = point_covariance([small[:1], large], SIZES, FOLDS, range(IMAGES))
        found.append(covariance[0, 0] - small.mean(0).var() / IMAGES)
        without.append(single[1, 1] - large.var() / IMAGES)
    assert np.mean(found) == pytest.approx(0.05**2 / 15, rel=0.25)
    assert np.mean(without) < 1e-5


def test_draws_that_differ_by_chance_alone_add_little() -> None:
    rng = np.random.default_rng(0)
    right = answers(rng, 0.7, repeats=3)
    covariance = point_covariance([right, answers(rng, 0.8)], SIZES, FOLDS, range(IMAGES))
    assert covariance[1, 1] < 1.5 * 0.8 * 0.2 / IMAGES
