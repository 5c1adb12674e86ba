"""Several classifiers' probabilities made into one: averaged, weighted or stacked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.evaluation.calibration import fit_temperature, softmax
from headstart.evaluation.comparison import lower_by_chance
from headstart.evaluation.counts import Floats, Ints

Method: TypeAlias = Literal["average", "weighted", "stacked"]
METHODS: Final[tuple[Method, ...]] = ("average", "weighted", "stacked")
LEAST_PROBABILITY: Final = 1e-6
"""The last digit of a stored probability."""
FOLDS: Final = 10
_SURE: Final = 0.05
_STEPS: Final = 200
_NEWTON_STEPS: Final = 30
_RIDGE: Final = 1.0


@dataclass(frozen=True)
class Pool:
    """How M classifiers' probabilities of K classes become one.

    The score of a class is the logarithm of the members' weighted mean probability
    (``average``, ``weighted``), or the weighted sum of their logarithms and a bias of the
    class (``stacked``: logistic regression with one weight a member). Probabilities are
    the softmax of the scores at the temperature.

    Attributes:
        method: Which of these.
        weights: Of the members, shape (M,).
        biases: Of the classes, shape (K,); 0 but where stacked.
        temperature: What scores are divided by.
    """

    method: Method
    weights: Floats
    biases: Floats
    temperature: float = 1.0

    def scores(self, answers: npt.ArrayLike) -> Floats:
        """Return the score of every class before the temperature.

        Args:
            answers: Probabilities of shape (M, N, K).

        Returns:
            Shape (N, K).
        """
        shares = np.asarray(answers, np.float64)
        if self.method != "stacked":
            return np.log(np.maximum(np.tensordot(self.weights, shares, 1), LEAST_PROBABILITY))
        logs = np.log(np.maximum(shares, LEAST_PROBABILITY))
        return np.asarray(np.tensordot(self.weights, logs, 1) + self.biases)

    def probabilities(self, answers: npt.ArrayLike) -> Floats:
        """Return the probabilities that all members come to, shape (N, K).

        >>> pool = Pool("average", np.array([0.5, 0.5]), np.zeros(2))
        >>> pool.probabilities([[[0.9, 0.1]], [[0.7, 0.3]]]).round(3).tolist()
        [[0.8, 0.2]]
        """
        return softmax(self.scores(answers), self.temperature)


@dataclass(frozen=True)
class PoolTrial:
    """A way of joining, tried by cross-validation on held-out answers.

    Attributes:
        method: Which.
        scores: Of every image, by what was fitted to the others, shape (N, K).
        nll: Their mean negative log-likelihood in nats, at the best temperature.
        better: How often chance alone would put the likelihood as far above the plain
            average's; 1 for that itself.
    """

    method: Method
    scores: Floats
    nll: float
    better: float


def fit_pool(method: Method, answers: npt.ArrayLike, targets: Ints) -> Pool:
    """Fit weights, then the temperature, to answers on held-out images.

    Weights of a mean are those of the highest likelihood, by expectation maximisation for
    mixture proportions (Dempster, Laird and Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x).
    Stacking (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1) is a logistic regression on
    log-probabilities, by Newton's method, with a penalty on its distance from the plain
    geometric mean.

    Args:
        method: What to fit.
        answers: Probabilities of shape (M, N, K).
        targets: True classes, shape (N,).
    """
    shares = np.asarray(answers, np.float64)
    members, _, classes = shares.shape
    weights, biases = np.full(members, 1 / members), np.zeros(classes)
    if method == "weighted":
        weights = _mixture_weights(shares, targets)
    elif method == "stacked":
        weights, biases = _stack(shares, targets)
    pool = Pool(method, weights, biases)
    return replace(pool, temperature=fit_temperature(pool.scores(shares), targets))


def cross_pool(method: Method, answers: npt.ArrayLike, targets: Ints, *, seed: int = 0) -> Floats:
    """Return the scores of every image by a pool that was fitted to other images.

    Args:
        method: What to fit.
        answers: Probabilities of shape (M, N, K).
        targets: True classes, shape (N,).
        seed: Of the folds, ten of them.

    Returns:
        Shape (N, K).
    """
    shares = np.asarray(answers, np.float64)
    if method == "average":
        return fit_pool(method, shares, targets).scores(shares)
    folds = np.random.default_rng(seed).permutation(len(targets)) % FOLDS
    scores = np.empty(shares.shape[1:])
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        pool = fit_pool(method, shares[:, outside], targets[outside])
        scores[inside] = pool.scores(shares[:, inside])
    return scores


def try_pools(answers: npt.ArrayLike, targets: Ints, *, seed: int = 0) -> dict[Method, PoolTrial]:
    """Try every way of joining by cross-validation.

    Args:
        answers: Probabilities of shape (M, N, K), of held-out images.
        targets: True classes, shape (N,).
        seed: Of the folds.
    """
    scores = {method: cross_pool(method, answers, targets, seed=seed) for method in METHODS}
    losses = {method: _losses(found, targets) for method, found in scores.items()}
    plain = losses["average"]
    return {
        method: PoolTrial(
            method,
            scores[method],
            float(losses[method].mean()),
            1.0 if method == "average" else lower_by_chance(losses[method], plain),
        )
        for method in METHODS
    }


def best_trial(trials: Mapping[Method, PoolTrial]) -> PoolTrial:
    """Return the plain average, unless another way is likelier by more than chance explains."""
    shown = [trial for trial in trials.values() if trial.better < _SURE]
    return min(shown, key=lambda trial: trial.nll) if shown else trials["average"]


def _losses(scores: Floats, targets: Ints) -> Floats:
    shares = softmax(scores, fit_temperature(scores, targets))
    return np.asarray(-np.log(np.maximum(_true(shares, targets), LEAST_PROBABILITY)))


def _true(shares: Floats, targets: Ints) -> Floats:
    return np.take_along_axis(shares, targets[..., None], axis=-1)[..., 0]


def _mixture_weights(shares: Floats, targets: Ints) -> Floats:
    """Maximise the mean log of the weighted mean of the true class's probability."""
    true = np.stack([_true(member, targets) for member in shares])
    true = np.maximum(true, LEAST_PROBABILITY)
    weights = np.full(len(true), 1 / len(true))
    for _ in range(_STEPS):
        parts = weights[:, None] * true
        weights = (parts / parts.sum(axis=0)).mean(axis=1)
    return np.asarray(weights)


def _stack(shares: Floats, targets: Ints) -> tuple[Floats, Floats]:
    """Fit one weight a member and one bias a class."""
    logs = np.log(np.maximum(shares, LEAST_PROBABILITY)).transpose(1, 2, 0)
    members = logs.shape[2]
    start = np.concatenate([np.full(members, 1 / members), np.zeros(logs.shape[1])])
    parameters, loss = start, _objective(start, start, logs, targets)
    for _ in range(_NEWTON_STEPS):
        step = _newton_step(parameters, start, logs, targets)
        trials = (parameters - step * 0.5**halving for halving in range(20))
        found = ((it, _objective(it, start, logs, targets)) for it in trials)
        parameters, new = next((it for it in found if it[1] < loss), (parameters, loss))
        if loss - new < 1e-9 * abs(loss):
            break
        loss = new
    return parameters[:members], parameters[members:]


def _stacked_shares(parameters: Floats, logs: Floats) -> Floats:
    members = logs.shape[2]
    return softmax(logs @ parameters[:members] + parameters[members:])


def _objective(parameters: Floats, start: Floats, logs: Floats, targets: Ints) -> float:
    true = _true(_stacked_shares(parameters, logs), targets)
    penalty = _RIDGE / 2 * np.square(parameters - start).sum()
    return float(penalty - np.log(np.maximum(true, 1e-300)).sum())


def _newton_step(parameters: Floats, start: Floats, logs: Floats, targets: Ints) -> Floats:
    """Return the inverse curvature times the gradient."""
    shares = _stacked_shares(parameters, logs)
    errors = shares - np.eye(logs.shape[1])[targets]
    gradient = np.concatenate([np.einsum("nk,nkm->m", errors, logs), errors.sum(axis=0)])
    gradient += _RIDGE * (parameters - start)
    means = np.einsum("nk,nkm->nm", shares, logs)
    apart = logs - means[:, None, :]
    weighted = shares[:, :, None] * apart
    own = np.einsum("nkm,nkl->ml", weighted, apart)
    mixed = weighted.sum(axis=0)
    biases = np.diag(shares.sum(axis=0)) - shares.T @ shares
    curvature = np.block([[own, mixed.T], [mixed, biases]])
    curvature += _RIDGE * np.eye(len(gradient))
    return np.asarray(np.linalg.solve(curvature, gradient))
