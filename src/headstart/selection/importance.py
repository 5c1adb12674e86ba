"""Which settings a search turned on, from its own trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.config.search_space import Dimension
from headstart.selection.study import TrialRecord

Floats = npt.NDArray[np.float64]

FEWEST: Final = 10
"""Trials below which nothing can be said."""
_TREES: Final = 200
_REPEATS: Final = 10


def importances(
    trials: Sequence[TrialRecord], space: Sequence[Dimension], *, seed: int = 0
) -> dict[str, float]:
    """Return how much each setting explains of which trials are better; shares of 1.

    A random forest predicts the rank of a trial from its settings; a setting's importance
    is what shuffling it costs the forest (permutation importance: Breiman, 2001,
    doi:10.1023/A:1010933404324). Ranks, since the worst trials are often far off. Where a
    trial has no use for a setting, it takes the middle of the others': what that setting
    hangs on is not to be read from it.

    Args:
        trials: Those with a value count.
        space: What was searched.
        seed: Seed of the forest and the shuffling.

    Returns:
        Path -> share, the largest first; empty where the trials are too few or alike.
    """
    judged = [trial for trial in trials if trial.value is not None]
    values = np.array([trial.value for trial in judged])
    if len(judged) < FEWEST or not values.std():
        return {}
    ranks = values.argsort().argsort().astype(np.float64)
    table = np.stack([_column(judged, dimension) for dimension in space], axis=1)
    shares = np.maximum(_costs_of_shuffling(table, ranks, seed), 0.0)
    if not shares.sum():
        return {}
    pairs = zip((d.path for d in space), (shares / shares.sum()).tolist(), strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def _costs_of_shuffling(table: Floats, ranks: Floats, seed: int) -> Floats:
    """Return by how much shuffling each column raises a forest's squared error, shape (D,).

    All shuffled tables are asked at once: a call costs more than the rows of one of them.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed).fit(table, ranks)
    count, width = table.shape
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (_REPEATS, 1)), axis=1)
    asked = np.tile(table, (width, _REPEATS, 1, 1))
    for column in range(width):
        asked[column, ..., column] = table[orders, column]
    said = forest.predict(np.concatenate([table, asked.reshape(-1, width)]))
    errors = np.square(said.reshape(-1, count) - ranks).mean(axis=1)
    return np.asarray(errors[1:].reshape(width, _REPEATS).mean(axis=1) - errors[0])


def _column(trials: Sequence[TrialRecord], dimension: Dimension) -> Floats:
    numbers = np.array([_number(trial, dimension) for trial in trials])
    present = np.isfinite(numbers)
    return np.where(present, numbers, np.median(numbers[present]) if present.any() else 0.0)


def _number(trial: TrialRecord, dimension: Dimension) -> float:
    """Return where a trial lies in a dimension; not a number where it does not."""
    if dimension.path not in trial.values or not dimension.holds(trial.values[dimension.path]):
        return np.nan
    value = trial.values[dimension.path]
    if dimension.choices:
        return float(dimension.choices.index(value))
    return math.log(value) if dimension.log else float(value)
