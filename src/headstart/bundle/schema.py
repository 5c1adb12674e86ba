"""What ``bundle.json`` says."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from headstart.data.geometry import Geometry

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
    seal: str = ""
    """Digest over all of the above: a changed class name or geometry is noticed too."""
