"""The dense head: hidden layers with one activation, then logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from headstart.backbones.layout import FeatureLayout
from headstart.config.schema import Activation
from headstart.features.table import FeatureTable, Indices, read_chunks
from headstart.heads.base import Logits

ACTIVATIONS: Final[Mapping[Activation, Callable[[torch.Tensor], torch.Tensor]]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True)
class DenseHead:
    """A calibrated multi-layer perceptron. See :class:`headstart.heads.base.Head`.

    Standardisation and batch normalisation are folded into the layers.

    Attributes:
        classes: Names, in the order of the last layer's columns.
        taps: Tap set whose features it takes.
        outputs: Graph outputs of that set, in order.
        weights: float32, shapes (D, H1), (H1, H2), ..., (Hn, K).
        biases: float32, shapes (H1,), ..., (K,).
        activation: After every layer but the last.
        temperature: Calibration.
    """

    classes: tuple[str, ...]
    taps: str
    outputs: tuple[str, ...]
    weights: tuple[npt.NDArray[np.float32], ...]
    biases: tuple[npt.NDArray[np.float32], ...]
    activation: Activation
    temperature: float

    def __post_init__(self) -> None:
        assert all(a.shape[1] == b.shape[0] for a, b in pairwise(self.weights))

    @torch.inference_mode()
    def logits(self, features: FeatureTable, rows: Indices, layout: FeatureLayout) -> Logits:
        """Return uncalibrated logits of some rows, shape (len(rows), K)."""
        chunks = read_chunks(features, rows, layout.columns(self.outputs))
        parts = [self._forward(torch.from_numpy(chunk.astype(np.float32))) for chunk in chunks]
        return torch.cat(parts).double().numpy()

    def _forward(self, values: torch.Tensor) -> torch.Tensor:
        layers = zip(self.weights, self.biases, strict=True)
        for index, (weight, bias) in enumerate(layers):
            values = ACTIVATIONS[self.activation](values) if index else values
            values = torch.addmm(torch.from_numpy(bias), values, torch.from_numpy(weight))
        return values
