"""Standardised features for gradient descent, a batch at a time."""

from __future__ import annotations

import numpy as np
import torch

from headstart.features.store import Features
from headstart.features.table import FeatureTable, Indices

_IN_MEMORY_BYTES = 1 << 30
_SAMPLE_NUMBERS = 1 << 27
_SAMPLE_ROWS = 8192
_DAMPING = 0.03
"""As in :mod:`headstart.heads.projection`: what hardly varied must not decide later."""


class DenseInputs:
    """The features of a task, standardised; kept in memory where they are small.

    Args:
        features: Whole vectors of N images.
        columns: Positions wanted, D of them.
        seed: Seed of the sample that shows means and deviations.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, features: FeatureTable, columns: Indices, *, seed: int) -> None:
        self._features = features
        self._columns = columns
        count, width = len(features), len(columns)
        kept = 2 * count * width <= _IN_MEMORY_BYTES
        self._kept: Features | None = features.read(np.arange(count), columns) if kept else None
        most = min(_SAMPLE_ROWS, max(64, _SAMPLE_NUMBERS // width))
        rows = np.random.default_rng(seed).permutation(count)[:most]
        sample = torch.from_numpy(self._read(np.sort(rows)).astype(np.float32))
        self.mean, self.scale = _standard(sample)

    @property
    def width(self) -> int:
        """Features an image, D."""
        return len(self._columns)

    def batch(self, rows: Indices) -> torch.Tensor:
        """Return standardised features, float32, shape (len(rows), D)."""
        values = torch.from_numpy(self._read(rows).astype(np.float32))
        return values.sub_(self.mean).mul_(self.scale)

    def _read(self, rows: Indices) -> Features:
        if self._kept is None:
            return self._features.read(rows, self._columns)
        return self._kept[rows]


def _standard(sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, deviation = sample.mean(0), sample.std(0, correction=0)
    varies = sample.amax(0) > sample.amin(0)
    return mean, varies / (deviation + _DAMPING * deviation.mean() + 1e-6)
