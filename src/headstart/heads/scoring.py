"""Held-out logits judged the same way for every head but the probe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.evaluation.calibration import fit_temperature, softmax
from headstart.heads.base import Logits
from headstart.heads.folds import Indices

_LEAST_PROBABILITY = 1e-12

RowWeights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """How good held-out logits are.

    Attributes:
        accuracy: Share of right answers.
        nll: Negative log-likelihood after calibration, in nats: margins and votes are no
            logits before it.
        temperature: The calibration.
    """

    accuracy: float
    nll: float
    temperature: float


def score(logits: Logits, targets: Indices, weights: RowWeights) -> Score:
    """Judge held-out logits.

    Args:
        logits: Shape (N, K).
        targets: Shape (N,).
        weights: What each row counts in the likelihood, shape (N,).
    """
    temperature = fit_temperature(logits, targets)
    shares = softmax(logits, temperature)[np.arange(len(targets)), targets]
    losses = -np.log(shares.clip(_LEAST_PROBABILITY))
    return Score(
        accuracy=float((logits.argmax(1) == targets).mean()),
        nll=float(np.average(losses, weights=weights)),
        temperature=temperature,
    )


def row_weights(targets: Indices, class_weight: str | None) -> RowWeights:
    """Return what each row counts, 1 on average: shape (N,).

    >>> row_weights(np.array([0, 0, 0, 1]), "balanced").round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    if class_weight is None:
        return np.ones(len(targets))
    weights = 1 / np.bincount(targets)[targets]
    return np.asarray(weights / weights.mean(), np.float64)
