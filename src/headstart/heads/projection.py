"""Standardising features and turning them onto their principal axes.

Logistic regression on standardised features is solved much faster on the leading
principal axes: the axes are uncorrelated, so a diagonal preconditioner is nearly
exact, and there are fewer of them. The map is linear, so it folds into the head.

Many rows are projected by a matrix found on some of them (:func:`fit_projection`);
for a few thousand see :mod:`headstart.heads.row_space`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from headstart.features.store import Features

RANK = 1024
"""Most axes kept. On TrashNet the cross-validated likelihood is as good as with all of them."""
ENOUGH_ROWS = 8192
"""Rows that show the leading axes well enough."""
_DAMPING = 0.03
"""Share of the mean deviation: a column that hardly varied in training must not decide later."""
_EXACT = 2048
_OVERSAMPLING = 32
_RELATIVE_FLOOR = 1e-7


class Reduced(Protocol):
    """Rows on their principal axes, and the way back.

    Attributes:
        values: float32, shape (N, R), leading axis first.
        variance: Variance of each axis, shape (R,).
    """

    @property
    def values(self) -> torch.Tensor:
        """See the class."""
        ...

    @property
    def variance(self) -> torch.Tensor:
        """See the class."""
        ...

    def unproject(
        self, weight: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weight (D, K) and bias (K,) that do on raw features what these do here.

        Args:
            weight: Shape (R, K).
            bias: Shape (K,).
        """
        ...


@dataclass(frozen=True)
class Projection:
    """The affine map z = ((x - mean) * scale) @ basis.

    Attributes:
        mean: Shape (D,).
        scale: Shape (D,); holds 1 / sqrt(D) too, so that penalties mean the same
            for every number of features.
        basis: Orthonormal columns, shape (D, R), leading axis first.
        variance: Variance of each projected feature, shape (R,).
    """

    mean: torch.Tensor
    scale: torch.Tensor
    basis: torch.Tensor
    variance: torch.Tensor

    def apply(self, features: Features) -> torch.Tensor:
        """Project features.

        Args:
            features: float16, shape (N, D).

        Returns:
            float32, shape (N, R).
        """
        standard = (torch.from_numpy(features.astype(np.float32)) - self.mean).mul_(self.scale)
        return standard @ self.basis

    def unproject(
        self, weight: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weight and bias that do on raw features what these do on z.

        See :meth:`Reduced.unproject`.
        """
        raw = self.scale[:, None] * (self.basis @ weight)
        return raw, bias - self.mean @ raw


@dataclass(frozen=True)
class ProjectedRows:
    """Rows that a projection was applied to; see :class:`Reduced`."""

    values: torch.Tensor
    projection: Projection

    @property
    def variance(self) -> torch.Tensor:
        """Variance of each axis, shape (R,)."""
        return self.projection.variance

    def unproject(
        self, weight: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return them for raw features. See :meth:`Reduced.unproject`."""
        return self.projection.unproject(weight, bias)


def fit_projection(
    features: Features, *, widths: Sequence[int] = (), seed: int, rank: int = RANK
) -> Projection:
    """Find the principal axes of features that count about the same each.

    Exact where the smaller side of the sample is at most 2,048, else by the
    randomised range finder with one power iteration (Halko, Martinsson and Tropp,
    2011, doi:10.1137/090771806).

    Args:
        features: float16, shape (N, D); a few thousand rows are enough, see
            :data:`ENOUGH_ROWS`.
        widths: See :func:`standardise`.
        seed: Seed of the range finder.
        rank: Most axes kept.
    """
    standard, mean, scale = standardise(features, widths)
    shrink = features.shape[1] ** -0.5
    basis, energy = _axes(standard.mul_(shrink), rank, seed)
    return Projection(mean, scale * shrink, basis, energy / len(standard))


def standardise(
    features: Features, widths: Sequence[int] = ()
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centre features and bring them to about the same deviation.

    A feature that hardly varied is damped, one that never did is left out.

    Args:
        features: float16, shape (N, D).
        widths: Sizes of the blocks of columns that are alike, adding up to D: how much
            is little is told within a block. One block if empty.

    Returns:
        ``(features - mean) * scale`` as float32, mean (D,) and scale (D,).
    """
    sample = torch.from_numpy(features.astype(np.float32))
    varies = sample.amax(0) > sample.amin(0)
    mean = sample.mean(0)
    centred = sample.sub_(mean)
    deviation = torch.linalg.vector_norm(centred, dim=0) / len(sample) ** 0.5
    blocks = deviation.split(list(widths) or [len(deviation)])
    usual = torch.cat([block.mean().expand(len(block)) for block in blocks])
    scale = varies / (deviation + _DAMPING * usual + 1e-6)
    return centred.mul_(scale), mean, scale


def _axes(matrix: torch.Tensor, rank: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = matrix.shape
    if columns <= min(rows, _EXACT):
        energy, basis = torch.linalg.eigh(matrix.T @ matrix)
        return leading(basis, energy, rank)
    small = matrix if rows <= _EXACT else _range(matrix, rank + _OVERSAMPLING, seed)
    energy, axes = torch.linalg.eigh(small @ small.T)
    axes, energy = leading(axes, energy, rank)
    return small.T @ axes / energy.sqrt(), energy


def _range(matrix: torch.Tensor, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    probe = torch.randn(matrix.shape[1], width, generator=generator)
    for _ in range(2):
        basis, _ = torch.linalg.qr(matrix @ probe)
        probe = matrix.T @ basis
    return probe.T


def leading(
    axes: torch.Tensor, energy: torch.Tensor, rank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn ascending eigenvectors around, and leave out what is noise."""
    axes, energy = axes.flip(1)[:, :rank], energy.flip(0)[:rank]
    kept = max(1, int((energy > _RELATIVE_FLOOR * energy[0]).sum()))
    return axes[:, :kept].contiguous(), energy[:kept].clamp_min(1e-12)
