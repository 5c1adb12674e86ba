"""Features turned onto few principal axes, for heads that measure distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.features.table import FeatureTable, Indices, read_chunks
from headstart.heads.probe import ProbeTask
from headstart.heads.projection import ENOUGH_ROWS, fit_projection

Matrix = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Axes:
    """The affine map z = x @ weight + bias onto principal axes.

    Attributes:
        taps: Tap set it takes.
        outputs: Graph outputs of that set.
        weight: float32, shape (D, R).
        bias: float32, shape (R,).
    """

    taps: str
    outputs: tuple[str, ...]
    weight: Matrix
    bias: Vector

    def apply(self, features: FeatureTable, rows: Indices, columns: Indices) -> Matrix:
        """Return the projected features of some rows, shape (len(rows), R)."""
        chunks = read_chunks(features, rows, columns)
        return np.concatenate([c.astype(np.float32) @ self.weight + self.bias for c in chunks])


def fit_axes(
    task: ProbeTask, taps: str, rows: Indices, *, rank: int, whitening: float, seed: int
) -> Axes:
    """Find the principal axes of standardised features.

    Args:
        task: Where the features are.
        taps: Tap set.
        rows: Which rows show the axes.
        rank: Most axes.
        whitening: 0 leaves each axis its variance, 1 gives all axes the same.
        seed: Seed of the sample and of the range finder.
    """
    outputs = task.layout.outputs_of(taps)
    shown = subset(rows, ENOUGH_ROWS, seed)
    columns = task.layout.columns(outputs)
    projection = fit_projection(task.features.read(shown, columns), seed=seed, rank=rank)
    gain = (projection.variance.double() / projection.variance.max()) ** (-whitening / 2)
    weight = projection.scale.double()[:, None] * projection.basis.double() * gain
    bias = -projection.mean.double() @ weight
    return Axes(taps, outputs, weight.float().numpy(), bias.float().numpy())


def subset(rows: Indices, most: int, seed: int) -> Indices:
    """Return at most so many rows, drawn without replacement, ascending."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def take_rows(task: ProbeTask, most: int, seed: int) -> tuple[Indices, str]:
    """Return the rows a head is fitted to, every class kept, and a note if not all.

    Args:
        task: Features, targets and groups.
        most: Rows that the head can afford.
        seed: Seed of the draw.
    """
    count = len(task.targets)
    if count <= most:
        return np.arange(count), ""
    order = np.random.default_rng(seed).permutation(count)
    rank = np.empty(count)
    for label in range(len(task.classes)):
        mine = order[task.targets[order] == label]
        rank[mine] = (np.arange(len(mine)) + 0.5) / max(1, len(mine))
    rows = np.sort(np.argsort(rank, kind="stable")[:most])
    return rows, f"this head was fitted to {most:,} of {count:,} images, every class in proportion"


def fold_pairs(fold_of: Indices, folds: Sequence[int] | Indices) -> list[tuple[Indices, Indices]]:
    """Return (rows kept, rows held out) of each fold."""
    return [(np.flatnonzero(fold_of != f), np.flatnonzero(fold_of == f)) for f in folds]
