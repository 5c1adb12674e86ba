"""The kernel head: a Gaussian around each support vector, weighted and summed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.backbones.layout import FeatureLayout
from headstart.features.table import FeatureTable, Indices
from headstart.heads.base import Logits
from headstart.heads.projected import Axes, Matrix, Vector


@dataclass(frozen=True)
class KernelHead:
    """A calibrated support vector machine with a Gaussian kernel.

    ``logits = exp(-gamma * |z - support|^2) @ dual + bias`` with ``z = axes(x)``.
    See :class:`headstart.heads.base.Head`.

    Attributes:
        classes: Names, in the order of the columns of ``dual``.
        axes: What distances are measured on.
        support: float32, shape (M, R).
        dual: float32, shape (M, K).
        bias: float32, shape (K,).
        gamma: Width of the kernel.
        temperature: Calibration.
    """

    classes: tuple[str, ...]
    axes: Axes
    support: Matrix
    dual: Matrix
    bias: Vector
    gamma: float
    temperature: float

    @property
    def taps(self) -> str:
        """Tap set whose features it takes."""
        return self.axes.taps

    @property
    def outputs(self) -> tuple[str, ...]:
        """Graph outputs of that set, in order."""
        return self.axes.outputs

    def logits(self, features: FeatureTable, rows: Indices, layout: FeatureLayout) -> Logits:
        """Return uncalibrated logits of some rows, shape (len(rows), K)."""
        points = self.axes.apply(features, rows, layout.columns(self.outputs))
        kernel = np.exp(-self.gamma * squared_distances(points, self.support))
        return np.asarray(kernel @ self.dual.astype(np.float64) + self.bias, np.float64)


def squared_distances(a: Matrix, b: Matrix) -> npt.NDArray[np.float64]:
    """Return |a - b|^2 of every pair, float64, shape (len(a), len(b))."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    lengths = (wide_a**2).sum(1)[:, None] + (wide_b**2).sum(1)
    return np.asarray((lengths - 2 * wide_a @ wide_b.T).clip(0), np.float64)
