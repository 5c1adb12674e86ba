"""What ``bundle.json`` says."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from headstart.data.geometry import Geometry
from headstart.evaluation.counts import Floats
from headstart.evaluation.decision import DecisionRule
from headstart.evaluation.rejection import Target

SCHEMA_VERSION: Final = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileDigest(_Record):
    """One file of the bundle, as it was written."""

    sha256: str
    bytes: int


class Parity(_Record):
    """How far the bundle's answers are from the training side's, on real images."""

    images: int
    top1_disagreements: int
    largest_difference: float
    """Largest absolute difference of any probability."""
    precision: str
    """Arithmetic that the bundle was measured in."""


class Provenance(_Record):
    """Where the model comes from."""

    headstart: str
    created: str
    backbone: str
    weights_sha256: str
    weights_licence: str
    weights_origin: str = ""
    """``random`` where the backbone had learnt nothing; empty in older bundles."""
    taps: str
    strength: float
    head: str = "linear"
    head_settings: dict[str, Any] = {}
    head_choice: str = ""
    """What cross-validation chose, in words."""
    seed: int
    trained_images: int
    data: str
    """Digest over content and label of every image it was fitted to."""


class RejectRecord(_Record):
    """From which confidence on an answer is given, and how that was chosen."""

    target: Target
    share: float
    """Of the target, as it was wished for."""
    assurance: float | None
    threshold: float
    bound: float
    """What the target is at least on new images, with the assurance, or 95 %."""
    validation: dict[str, Any]
    """What it came to on the held-out answers it was chosen by."""


class DecisionRecord(_Record):
    """How probabilities become answers, where that is not the most probable class, always."""

    priors: dict[str, float] | None = None
    """Shares of the classes where the model is used."""
    costs: tuple[tuple[float, ...], ...] | None = None
    """Of mistakes, true classes in rows."""
    reject: RejectRecord | None = None
    test: dict[str, Any] = {}
    """What it came to on the locked test split."""


class QuantisedRecord(_Record):
    """How a bundle came to compute in int8, and what that cost on the locked test split."""

    method: str
    calibration_images: int
    """Training images that the ranges were measured on."""
    source_seal: str
    """Of the bundle it was made from, whose answers it is compared with."""
    accuracy: dict[str, float]
    """Accuracy of int8 less that of the source: value, low, high."""
    p_value: float
    """McNemar's exact test."""


class BundleInfo(_Record):
    """Everything about a bundle but its numbers."""

    schema_version: int = Field(alias="schema")
    classes: tuple[str, ...] = Field(min_length=2)
    geometry: Geometry
    max_pixels: int
    temperature: float
    """Calibration, already folded into the graph."""
    test: dict[str, Any]
    """The figures on the locked test split, as in ``metrics.json``."""
    provenance: Provenance
    parity: tuple[Parity, ...]
    """The first in the arithmetic of this machine, which the figures were made in."""
    files: dict[str, FileDigest]
    training_priors: dict[str, float] | None = None
    """Shares of the classes that the probabilities go by; ``None`` in older bundles."""
    decision: DecisionRecord | None = None
    """``None``: every image is called its most probable class."""
    quantised: QuantisedRecord | None = None
    """``None``: it computes in floating point."""
    seal: str = ""
    """Digest over all of the above: a changed class name or geometry is noticed too."""

    def rule(self) -> DecisionRule:
        """Return how probabilities of the graph become answers."""
        made = self.decision or DecisionRecord()
        return DecisionRule(
            trained=self._by_class(self.training_priors),
            priors=self._by_class(made.priors),
            costs=None if made.costs is None else np.array(made.costs),
            threshold=made.reject.threshold if made.reject else 0.0,
        )

    def _by_class(self, shares: dict[str, float] | None) -> Floats | None:
        return None if shares is None else np.array([shares[name] for name in self.classes])

    @model_validator(mode="after")
    def _decides_about_its_classes(self) -> BundleInfo:
        made, names = self.decision or DecisionRecord(), set(self.classes)
        for shares in (self.training_priors, made.priors):
            if shares is not None and shares.keys() != names:
                raise ValueError("priors of other classes than the bundle's")
        if made.priors and not self.training_priors:
            raise ValueError("priors without those of the training images")
        if made.costs and {len(made.costs), *map(len, made.costs)} != {len(names)}:
            raise ValueError("costs of other classes than the bundle's")
        return self
