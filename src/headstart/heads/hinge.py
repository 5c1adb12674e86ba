"""Linear support vector machines, one class against the rest, all classes at once."""

from __future__ import annotations

import torch

from headstart.heads.lbfgs import minimise

_VIOLATED = 0.3
"""Typical share of rows inside the margin, for the preconditioner."""
_ITERATIONS = 200


def fit_hinge(
    points: torch.Tensor,
    targets: torch.Tensor,
    *,
    classes: int,
    weights: torch.Tensor,
    cost: float,
    tolerance: float = 1e-4,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit a machine with squared hinge loss for each class against the rest.

    The objective is LIBLINEAR's, as scikit-learn's ``LinearSVC`` states it (Fan et al.,
    JMLR 9, 2008): half the squared norm of weights and bias, plus ``cost`` times the
    weighted sum of squared shortfalls. It is smooth, so L-BFGS solves all classes side by
    side, with one matrix product for all of them.

    Args:
        points: Uncorrelated columns (see :mod:`headstart.heads.projected`), float32,
            shape (N, R).
        targets: Class of each row, int64, shape (N,).
        classes: Number of classes K. One without a row is answered with margin -1.
        weights: Of each row, shape (N,).
        cost: C, of a violated margin.
        tolerance: How near to the minimum, by the preconditioned gradient of the mean loss.

    Returns:
        Weights (R, K) and biases (K,).
    """
    rows = (weights / weights.sum()).float()[:, None]
    penalty = 1 / (cost * float(weights.sum()))
    signs = torch.full((len(points), classes), -1.0)
    signs[torch.arange(len(points)), targets] = 1.0

    def objective(stacked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = stacked[:, 0]
        short = (1 - signs * torch.addmm(flat[-1], points, flat[:-1])).clamp_min_(0)
        loss = penalty * (flat * flat).sum(0) / 2 + (rows * short * short).sum(0)
        pull = -2 * rows * signs * short
        gradient = penalty * flat
        gradient[:-1] += points.T @ pull
        gradient[-1] += pull.sum(0)
        return loss, gradient[:, None]

    spread = torch.cat([(rows * points * points).sum(0), torch.ones(1)])
    inverse = 1 / (penalty + 2 * _VIOLATED * spread)[:, None, None]
    start = torch.zeros((points.shape[1] + 1, 1, classes))
    found = minimise(objective, start, inverse, iterations=_ITERATIONS, tolerance=tolerance)
    weight, bias = found.parameters[:-1, 0], found.parameters[-1, 0]
    absent = torch.bincount(targets, minlength=classes) == 0
    return weight * ~absent, torch.where(absent, -1.0, bias)
