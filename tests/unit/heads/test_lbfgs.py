"""The optimiser, held against SciPy's on problems with a known shape."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from headstart.heads.lbfgs import minimise


def quadratics(problems: int, size: int, columns: int, seed: int):
    """P convex quadratics of (size, columns) parameters, and their exact minima."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(problems, size, size))
    hessians = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(size)
    goals = rng.normal(size=(problems, size, columns))
    h, g = torch.from_numpy(hessians), torch.from_numpy(goals)

    def objective(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        apart = x.permute(2, 0, 1) - g
        gradient = h @ apart
        return (apart * gradient).sum((1, 2)) / 2, gradient.permute(1, 2, 0)

    diagonal = h.diagonal(dim1=1, dim2=2).T[:, None, :]
    start = torch.zeros(size, columns, problems, dtype=torch.float64)
    return objective, start, 1 / diagonal, g.permute(1, 2, 0)


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), st.integers(0, 100))
def test_quadratics_are_solved_side_by_side(problems, size, columns, seed) -> None:
    objective, start, inverse, goal = quadratics(problems, size, columns, seed)
    found = minimise(objective, start, inverse, iterations=400, tolerance=1e-9)
    torch.testing.assert_close(found.parameters, goal, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.loss, objective(found.parameters)[0])


def test_it_finds_what_scipy_finds_on_a_problem_that_is_not_quadratic() -> None:
    rng = np.random.default_rng(1)
    design, shift = rng.normal(size=(30, 5)), rng.normal(size=30)

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        inner = design @ x + shift
        return float(np.logaddexp(0, inner).sum() + x @ x), (
            design.T @ (1 / (1 + np.exp(-inner))) + 2 * x
        )

    def objective(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss, gradient = value(x[:, 0, 0].numpy())
        return torch.tensor([loss]), torch.from_numpy(gradient)[:, None, None]

    expected = minimize(value, np.zeros(5), jac=True, method="BFGS", tol=1e-9)
    start = torch.zeros(5, 1, 1, dtype=torch.float64)
    found = minimise(objective, start, torch.full_like(start, 0.1), iterations=200, tolerance=1e-8)
    np.testing.assert_allclose(found.parameters[:, 0, 0], expected.x, atol=1e-6)


def test_a_solved_problem_stays_where_it_is() -> None:
    objective, _, inverse, goal = quadratics(3, 4, 2, seed=0)
    found = minimise(objective, goal.clone(), inverse)
    assert found.iterations == 0
    torch.testing.assert_close(found.parameters, goal)


@pytest.mark.parametrize("factor", [1e-4, 1e3])
def test_a_bad_preconditioner_costs_steps_not_the_answer(factor: float) -> None:
    objective, start, inverse, goal = quadratics(2, 4, 2, seed=3)
    found = minimise(objective, start, factor * inverse, iterations=500, tolerance=1e-8)
    torch.testing.assert_close(found.parameters, goal, rtol=0, atol=1e-3)


def test_the_loss_never_grows_with_more_steps() -> None:
    objective, start, inverse, _ = quadratics(3, 6, 2, seed=5)
    losses = torch.stack(
        [minimise(objective, start, inverse, iterations=n).loss for n in range(12)]
    )
    assert (losses.diff(dim=0) <= 1e-5 * losses[:-1].abs()).all()
