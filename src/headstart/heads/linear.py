"""The linear head: one matrix, one bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.backbones.layout import FeatureLayout
from headstart.features.table import FeatureTable, Indices, read_chunks
from headstart.heads.base import Logits


@dataclass(frozen=True)
class LinearHead:
    """A calibrated linear classifier on some columns of the features.

    ``probabilities = softmax((x @ weight + bias) / temperature)``.

    Attributes:
        classes: Names, in the order of the columns of ``weight``.
        taps: Tap set whose features it takes.
        outputs: Graph outputs of that set, in order.
        weight: float32, shape (D, K).
        bias: float32, shape (K,).
        temperature: Calibration (Guo et al., 2017).
    """

    classes: tuple[str, ...]
    taps: str
    outputs: tuple[str, ...]
    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    temperature: float

    def logits(self, features: FeatureTable, rows: Indices, layout: FeatureLayout) -> Logits:
        """Return uncalibrated logits of some rows, shape (len(rows), K)."""
        chunks = read_chunks(features, rows, layout.columns(self.outputs))
        parts = [chunk.astype(np.float32) @ self.weight + self.bias for chunk in chunks]
        return np.concatenate(parts).astype(np.float64)
