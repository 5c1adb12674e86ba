"""Several heads whose probabilities are averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.backbones.layout import FeatureLayout
from headstart.evaluation.calibration import softmax
from headstart.features.table import FeatureTable, Indices
from headstart.heads.base import Head, Logits

_LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class EnsembleHead:
    """The mean of several calibrated heads' probabilities. See :class:`Head`.

    Attributes:
        members: Heads for the same classes in the same order, on one backbone.
    """

    members: tuple[Head, ...]

    def __post_init__(self) -> None:
        assert len({member.classes for member in self.members}) == 1

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the logits."""
        return self.members[0].classes

    @property
    def taps(self) -> str:
        """Tap sets that the members take, joined by ``+``."""
        return "+".join(dict.fromkeys(member.taps for member in self.members))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Graph outputs that the members take, each once."""
        return tuple(dict.fromkeys(out for member in self.members for out in member.outputs))

    @property
    def temperature(self) -> float:
        """1: the members are calibrated."""
        return 1.0

    def logits(self, features: FeatureTable, rows: Indices, layout: FeatureLayout) -> Logits:
        """Return logarithms of the mean probabilities, shape (len(rows), K)."""
        total = np.zeros((len(rows), len(self.classes)))
        for member in self.members:
            total += softmax(member.logits(features, rows, layout), member.temperature)
        mean = total / len(self.members)
        return np.log(np.maximum(mean, _LEAST_PROBABILITY))
