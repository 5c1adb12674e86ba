"""Checking what a judgement is asked to judge, so that no figure is made of nonsense."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headstart.evaluation.counts import Floats, Ints

_SUM_TOLERANCE = 1e-3


def checked_probabilities(probabilities: npt.ArrayLike, *, classes: Sequence[str]) -> Floats:
    """Return probabilities in float64, shape (N, K) with N above 0.

    Raises:
        ValueError: They have another shape, are no probabilities, or there are none.
    """
    values = np.asarray(probabilities, np.float64)
    if values.ndim != 2 or values.shape[1] != len(classes):
        raise ValueError(
            f"probabilities have shape {values.shape}: "
            f"expected (images, {len(classes)}), a column per class"
        )
    if not len(values):
        raise ValueError("there are no images to judge: n = 0, expected at least one")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ValueError(f"row {row} of the probabilities has a NaN or infinite value")
    sums = values.sum(axis=1)
    wrong = (np.abs(sums - 1) > _SUM_TOLERANCE) | (values < -_SUM_TOLERANCE).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"row {row} of the probabilities sums to {sums[row]:.4g} with a least value of "
            f"{values[row].min():.4g}: expected values from 0 that sum to 1; "
            "logits go through softmax first"
        )
    return np.clip(values, 0.0, 1.0)


def checked_targets(targets: npt.ArrayLike, *, n: int, classes: Sequence[str]) -> Ints:
    """Return true classes in int64, shape (N,), values in [0, K).

    Raises:
        ValueError: They have another length, are not whole numbers, or out of range.
    """
    values = np.asarray(targets)
    if values.shape != (n,):
        raise ValueError(f"targets have shape {values.shape}: expected ({n},), one per image")
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"targets are of type {values.dtype}: expected integers, class positions")
    outside = (values < 0) | (values >= len(classes))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"target {row} is {values[row]}: expected 0 to {len(classes) - 1}, "
            f"for {len(classes)} classes"
        )
    return values.astype(np.int64)
