"""What every head is, however it was fitted."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from headstart.backbones.layout import FeatureLayout
from headstart.features.table import FeatureTable, Indices

Logits = npt.NDArray[np.float64]


class Head(Protocol):
    """A calibrated classifier on some columns of the features.

    ``probabilities = softmax(logits / temperature)``. How each kind becomes part of a
    bundle's graph is said in :mod:`headstart.export.head_graphs`.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, K of them, in the order of the logits."""
        ...

    @property
    def taps(self) -> str:
        """Tap set whose features it takes."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Graph outputs of that set, in order."""
        ...

    @property
    def temperature(self) -> float:
        """Calibration (Guo et al., 2017)."""
        ...

    def logits(self, features: FeatureTable, rows: Indices, layout: FeatureLayout) -> Logits:
        """Return uncalibrated logits of some rows, shape (len(rows), K)."""
        ...
