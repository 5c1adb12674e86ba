"""The linear machine is scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from headstart.heads.hinge import fit_hinge


def problem(seed: int, rows: int = 300, width: int = 40) -> tuple[Any, Any, Any]:
    """Overlapping classes on uncorrelated columns of falling variance, as projections are."""
    draws = np.random.default_rng(seed)
    targets = draws.integers(0, 3, rows)
    points = draws.normal(size=(rows, width)) * 0.7 ** np.arange(width)
    points[:, :3] += 0.8 * np.eye(3)[targets]
    return points.astype(np.float32), targets, draws.uniform(0.5, 2.0, rows)


def loss_of(weight: Any, bias: Any, points: Any, signs: Any, weights: Any, cost: float) -> float:
    short = np.maximum(0, 1 - signs * (points @ weight + bias))
    return float((weight @ weight + bias**2) / 2 + cost * (weights * short**2).sum())


@pytest.mark.parametrize("cost", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_as_near_to_the_minimum_as_scikit_learn(cost: float, seed: int) -> None:
    points, targets, weights = problem(seed)
    mine = fit_hinge(
        torch.from_numpy(points),
        torch.from_numpy(targets),
        classes=3,
        weights=torch.from_numpy(weights),
        cost=cost,
    )
    for label in range(3):
        machine = LinearSVC(C=cost, dual=False, tol=1e-8, max_iter=10_000)
        machine.fit(points.astype(np.float64), targets == label, sample_weight=weights)
        signs = np.where(targets == label, 1, -1)
        task = (points.astype(np.float64), signs, weights, cost)
        best = loss_of(machine.coef_[0], machine.intercept_[0], *task)
        weight, bias = mine[0][:, label].double().numpy(), float(mine[1][label])
        assert loss_of(weight, bias, *task) <= best * 1.001
        theirs = machine.decision_function(points.astype(np.float64))
        np.testing.assert_allclose(points @ weight + bias, theirs, atol=0.02)


def test_a_class_without_a_row_is_answered_no() -> None:
    points, targets, weights = problem(0)
    weight, bias = fit_hinge(
        torch.from_numpy(points),
        torch.from_numpy(targets),
        classes=4,
        weights=torch.from_numpy(weights),
        cost=1.0,
    )
    assert not weight[:, 3].any()
    assert bias[3] == -1
