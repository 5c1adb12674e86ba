"""Several classifiers' probabilities made into one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

from headstart.evaluation.calibration import softmax
from headstart.evaluation.pooling import (
    METHODS,
    Method,
    best_trial,
    cross_pool,
    fit_pool,
    try_pools,
)

N, K = 900, 3


def members(*noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated-looking answers of members that see the truth through noise."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(K, size=N)
    truth = np.eye(K)[targets]
    answers = [softmax((truth + level * rng.normal(size=(N, K))) / level**2) for level in noise]
    return np.stack(answers), targets


def test_a_mean_is_weighted_as_makes_the_truth_likeliest() -> None:
    answers, targets = members(0.5, 0.9)
    pool = fit_pool("weighted", answers, targets)
    true = answers[:, np.arange(N), targets]
    grid = np.linspace(0, 1, 1001)
    likelihoods = [np.log(w * true[0] + (1 - w) * true[1]).mean() for w in grid]
    assert pool.weights[0] == pytest.approx(grid[np.argmax(likelihoods)], abs=0.01)
    assert pool.weights.sum() == pytest.approx(1)


def test_a_member_that_knows_nothing_gets_no_weight() -> None:
    answers, targets = members(0.6, 0.6)
    answers[1] = 1 / K
    assert fit_pool("weighted", answers, targets).weights[1] < 0.05
    assert abs(fit_pool("stacked", answers, targets).weights[0] - 1) < 0.15


def test_stacking_finds_the_optimum_that_scipy_finds() -> None:
    answers, targets = members(0.6, 0.8)
    answers[1, :, 0] *= 4  # a bias towards a class, for stacking to undo
    answers[1] /= answers[1].sum(axis=1, keepdims=True)
    pool = fit_pool("stacked", answers, targets)
    logs = np.log(np.maximum(answers, 1e-6))
    start = np.array([0.5, 0.5, 0, 0, 0])

    def objective(parameters: np.ndarray) -> float:
        scores = np.tensordot(parameters[:2], logs, 1) + parameters[2:]
        losses = scipy.special.logsumexp(scores, axis=1) - scores[np.arange(N), targets]
        return float(losses.sum() + np.square(parameters - start).sum() / 2)

    best = scipy.optimize.minimize(objective, start, tol=1e-10).x
    np.testing.assert_allclose([*pool.weights, *pool.biases], best, atol=1e-3)


def test_independent_members_are_counted_together_by_stacking() -> None:
    answers, targets = members(0.7, 0.7, 0.7)
    trials = try_pools(answers, targets)
    assert fit_pool("stacked", answers, targets).weights.sum() > 2
    assert best_trial(trials).method == "stacked"


def test_what_chance_explains_is_no_reason_to_leave_the_plain_average() -> None:
    answers, targets = members(0.6, 0.6)
    answers = np.stack([answers[0], answers[0]])
    assert best_trial(try_pools(answers, targets)).method == "average"


@pytest.mark.parametrize("method", METHODS)
def test_an_images_own_label_has_no_part_in_its_score(method: Method) -> None:
    answers, targets = members(0.7, 0.9)
    before = cross_pool(method, answers, targets)
    changed = targets.copy()
    changed[7] = (changed[7] + 1) % K
    np.testing.assert_array_equal(cross_pool(method, answers, changed)[7], before[7])


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_such_even_of_members_that_are_certain(method: Method) -> None:
    answers, targets = members(0.6, 0.8)
    answers[0] = np.eye(K)[answers[0].argmax(axis=1)]
    shares = fit_pool(method, answers, targets).probabilities(answers)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert np.isfinite(np.log(shares)).all()
