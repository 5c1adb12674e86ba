"""A few thousand rows on their principal axes, for many selections of columns.

The inner products between rows, the Gram matrix, hold all that a linear model on
these rows can know. That of several blocks of columns is the sum of theirs, so one
product of all features serves every tap set, and axes are found in N x N numbers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from headstart.backbones.layout import FeatureLayout
from headstart.backbones.spec import FLAT
from headstart.features.store import Features
from headstart.features.table import FeatureTable, Indices
from headstart.heads.projection import RANK, leading, standardise

MOST_ROWS = 3000
"""Above this, the Gram matrix is no longer the smaller one."""
_OVERSAMPLING = 32
_EXACT_SHARE = 0.4
"""Of axes among rows; above it the randomised search is no faster than all eigenvectors."""
_ITERATIONS = 2


@dataclass(frozen=True)
class GramRows:
    """Rows on the principal axes of their Gram matrix; see :class:`Reduced`.

    Attributes:
        values: float32, shape (N, R).
        variance: Shape (R,).
        standard: Standardised features, shape (N, D).
        mean: Of the raw features, shape (D,).
        scale: Factor of each centred feature, shape (D,).
    """

    values: torch.Tensor
    variance: torch.Tensor
    standard: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor

    def unproject(
        self, weight: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return them for raw features. See :meth:`Reduced.unproject`."""
        energy = self.variance * len(self.values)
        dual = self.values @ (weight / energy[:, None])
        raw = self.scale[:, None] * (self.standard.T @ dual) / self.standard.shape[1]
        return raw, bias - self.mean @ raw


class RowSpace:
    """All features of at most a few thousand rows, in memory.

    Args:
        features: Where they are read from, once.
        layout: What their columns are.
        rows: Which rows, at most :data:`MOST_ROWS`.
    """

    def __init__(self, features: FeatureTable, layout: FeatureLayout, rows: Indices) -> None:
        self._layout = layout
        self._members = _members(layout)
        self._blocks = [block for block in layout.blocks if block.output in self._members]
        self._columns = layout.columns(self._members)
        self._grams: dict[frozenset[str], torch.Tensor] = {}
        self._table, self._rows = features, rows

    def _features(self) -> Features:
        return self._table.read(self._rows, self._columns)

    @cached_property
    def _standard(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return standardise(self._features(), [block.channels for block in self._blocks])

    def reduce(self, outputs: tuple[str, ...], *, seed: int, rank: int = RANK) -> GramRows:
        """Turn the rows onto the leading axes of some graph outputs.

        Args:
            outputs: As :meth:`FeatureLayout.outputs_of` gives them.
            seed: Seed of the range finder.
            rank: Most axes kept.
        """
        standard, mean, scale = self._standard
        mine = torch.from_numpy(np.searchsorted(self._columns, self._layout.columns(outputs)))
        axes, energy = _axes(self._gram(outputs) / len(mine), rank, seed)
        return GramRows(
            values=axes * energy.sqrt(),
            variance=energy / len(standard),
            standard=standard[:, mine],
            mean=mean[mine],
            scale=scale[mine],
        )

    def _gram(self, outputs: tuple[str, ...]) -> torch.Tensor:
        """Add up the Gram matrices of the parts that the outputs consist of."""
        parts = dict.fromkeys(self._members[output] for output in outputs)
        return torch.stack([self._part(part) for part in parts]).sum(0)

    def _part(self, part: frozenset[str]) -> torch.Tensor:
        if part not in self._grams:
            mine = np.concatenate(
                [np.full(b.channels, self._members[b.output] == part) for b in self._blocks]
            )
            columns = self._standard[0][:, torch.from_numpy(np.flatnonzero(mine))]
            self._grams[part] = columns @ columns.T
        return self._grams[part]


def _members(layout: FeatureLayout) -> dict[str, frozenset[str]]:
    """Return each graph output with the tap sets that it belongs to.

    The un-pooled activation is not among them: its numbers are too many to be kept here.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for name, outputs in layout.tap_sets().items():
        for output in outputs if name != FLAT else ():
            found[output].add(name)
    return {output: frozenset(names) for output, names in found.items()}


def _axes(gram: torch.Tensor, rank: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return leading eigenvectors (N, R) and eigenvalues (R,) of a Gram matrix.

    Few of many are found by randomised subspace iteration (Halko, Martinsson and
    Tropp, 2011, doi:10.1137/090771806).
    """
    width = rank + _OVERSAMPLING
    if width > _EXACT_SHARE * len(gram):
        energy, axes = torch.linalg.eigh(gram)
        return leading(axes, energy, rank)
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(len(gram), width, generator=generator)
    for _ in range(_ITERATIONS):
        basis, _ = torch.linalg.qr(gram @ basis)
    energy, axes = torch.linalg.eigh(basis.T @ gram @ basis)
    axes, energy = leading(axes, energy, rank)
    return basis @ axes, energy
