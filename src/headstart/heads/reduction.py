"""Which way rows get onto their principal axes: the one that is cheaper for their number."""

from __future__ import annotations

import numpy as np
import torch

from headstart.backbones.layout import FeatureLayout
from headstart.features.table import FeatureTable, Indices, read_chunks
from headstart.heads.projection import (
    ENOUGH_ROWS,
    RANK,
    ProjectedRows,
    Reduced,
    fit_projection,
)
from headstart.heads.row_space import MOST_ROWS, RowSpace


class Reducer:
    """Reduces rows of one table; what it read of few rows serves the next call.

    Args:
        features: Whole vectors.
        layout: What their columns are.
        seed: Seed of samples and range finders.
    """

    def __init__(self, features: FeatureTable, layout: FeatureLayout, *, seed: int) -> None:
        self._features = features
        self._layout = layout
        self._seed = seed
        self._spaces: dict[bytes, RowSpace] = {}

    def reduce(self, outputs: tuple[str, ...], rows: Indices, *, rank: int = RANK) -> Reduced:
        """Return some rows of a tap set's outputs on their leading axes.

        Args:
            outputs: As :meth:`FeatureLayout.outputs_of` gives them.
            rows: Which rows, shape (N,).
            rank: Most axes kept.
        """
        if len(rows) > MOST_ROWS:
            return self._project(outputs, rows, rank)
        key = rows.tobytes()
        if key not in self._spaces:
            self._spaces[key] = RowSpace(self._features, self._layout, rows)
        return self._spaces[key].reduce(outputs, seed=self._seed, rank=rank)

    def _project(self, outputs: tuple[str, ...], rows: Indices, rank: int) -> ProjectedRows:
        columns = self._layout.columns(outputs)
        shown = self._features.read(sample_rows(rows, ENOUGH_ROWS, self._seed), columns)
        widths = [b.channels for b in self._layout.blocks if b.output in outputs]
        projection = fit_projection(shown, widths=widths, seed=self._seed, rank=rank)
        values = torch.empty(len(rows), projection.basis.shape[1])
        filled = 0
        for chunk in read_chunks(self._features, rows, columns):
            values[filled : filled + len(chunk)] = projection.apply(chunk)
            filled += len(chunk)
        return ProjectedRows(values, projection)


def sample_rows(rows: Indices, most: int, seed: int) -> Indices:
    """Draw at most so many rows, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
