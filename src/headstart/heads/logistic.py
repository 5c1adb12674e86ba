"""Multinomial logistic regression, for many penalties and samples at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from headstart.heads.lbfgs import minimise

_CURVATURE = 0.15
"""Typical p (1 - p), for the preconditioner."""
_CHUNK_NUMBERS = 1 << 24
_PROBLEM_NUMBERS = 1 << 26


def fit_logistic(
    features: torch.Tensor,
    targets: torch.Tensor,
    *,
    classes: int,
    weights: torch.Tensor,
    penalties: torch.Tensor,
    variance: torch.Tensor,
    iterations: int = 60,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit P weighted, L2-penalised multinomial logistic regressions.

    Problem p minimises the sum over n of ``weights[p, n] * nll(n)`` plus
    ``penalties[p] / 2`` times the squared norm of its weight matrix.

    Args:
        features: Uncorrelated columns (see :mod:`headstart.heads.projection`),
            float32, shape (N, R).
        targets: Class of each row, int64, shape (N,).
        classes: Number of classes K.
        weights: Weight of each row in each problem, shape (P, N), rows summing to 1.
        penalties: Shape (P,).
        variance: Variance of each column, shape (R,).
        iterations: Most steps.

    Returns:
        Weights (P, R, K) and biases (P, K).
    """
    group = max(1, _PROBLEM_NUMBERS // max(1, len(features[0]) * classes))
    solved = [
        _fit_group(features, targets, classes, w, p, variance, iterations)
        for w, p in zip(torch.split(weights, group), torch.split(penalties, group), strict=True)
    ]
    parameters = torch.cat(solved, dim=2).permute(2, 0, 1)
    return parameters[:, :-1].contiguous(), parameters[:, -1]


def _fit_group(
    features: torch.Tensor,
    targets: torch.Tensor,
    classes: int,
    weights: torch.Tensor,
    penalties: torch.Tensor,
    variance: torch.Tensor,
    iterations: int,
) -> torch.Tensor:
    problems = len(weights)
    shape = (features.shape[1] + 1, classes, problems)
    penalty = penalties.expand(shape[0], 1, problems).clone()
    penalty[-1] = 0
    curvature = _CURVATURE * torch.cat([variance, torch.ones(1)])[:, None, None]
    by_row = weights.T.contiguous()

    def objective(parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gradient = penalty * parameters
        loss = (gradient * parameters).sum((0, 1)) / 2
        for rows in _row_chunks(len(features), problems * classes):
            _add_chunk(loss, gradient, parameters, features[rows], targets[rows], by_row[rows])
        return loss, gradient

    inverse = 1 / (curvature + penalty)
    return minimise(objective, torch.zeros(shape), inverse, iterations=iterations).parameters


def _add_chunk(
    loss: torch.Tensor,
    gradient: torch.Tensor,
    parameters: torch.Tensor,
    features: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
) -> None:
    count, (_, classes, problems) = len(features), parameters.shape
    flat = parameters.view(-1, classes * problems)
    logits = torch.addmm(flat[-1], features, flat[:-1]).view(count, classes, problems)
    logs = torch.log_softmax(logits, dim=1)
    true = (torch.arange(count), targets)
    loss -= (weights * logs[true]).sum(0)
    residual = logs.exp_()
    residual[true] -= 1
    residual *= weights[:, None, :]
    gradient[:-1] += (features.T @ residual.view(count, -1)).view(-1, classes, problems)
    gradient[-1] += residual.sum(0)


def _row_chunks(rows: int, width: int) -> Iterator[slice]:
    size = max(256, _CHUNK_NUMBERS // max(1, width))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))
