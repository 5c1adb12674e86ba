"""Writing a bundle, and measuring that it answers as the training side does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from headstart.backbones.graph import BackboneGraph
from headstart.bundle.loading import GRAPH_FILE, WEIGHTS_FILE, file_digest
from headstart.bundle.schema import (
    SCHEMA_VERSION,
    BundleInfo,
    DecisionRecord,
    Parity,
    Provenance,
)
from headstart.bundle.sealing import write_sealed
from headstart.data.geometry import Geometry
from headstart.errors import BundleError
from headstart.export.classifier_graph import build_classifier, split_weights
from headstart.files import write_bytes
from headstart.heads.base import Head

PARITY_LIMIT = 0.05
"""Largest probability difference accepted; bf16 arithmetic stays below a fifth of it."""

Probabilities = npt.NDArray[np.float64]


class Calibrated(Protocol):
    """What a bundle says of the classifier in it: a head, or several classifiers in one."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""

    @property
    def temperature(self) -> float:
        """What logits are divided by, folded into the graph."""


@dataclass(frozen=True)
class BundleFacts:
    """What ``bundle.json`` holds besides digests and parity."""

    geometry: Geometry
    max_pixels: int
    test: dict[str, Any]
    provenance: Provenance
    training_priors: dict[str, float] | None = None
    decision: DecisionRecord | None = None


def write_graph(folder: Path, backbone: BackboneGraph, head: Head) -> Path:
    """Write ``graph.onnx`` and ``weights.safetensors`` into a folder.

    Returns:
        The graph's path.
    """
    return write_model(folder, build_classifier(onnx.load(backbone.path), head))


def write_model(folder: Path, model: onnx.ModelProto) -> Path:
    """Write a graph that holds its tensors as ``graph.onnx`` and ``weights.safetensors``.

    Returns:
        The graph's path.
    """
    graph, weights = split_weights(model, WEIGHTS_FILE)
    write_bytes(folder / WEIGHTS_FILE, weights)
    write_bytes(folder / GRAPH_FILE, graph)
    return folder / GRAPH_FILE


def write_info(
    folder: Path, head: Calibrated, facts: BundleFacts, parity: Sequence[Parity]
) -> BundleInfo:
    """Write ``bundle.json``, which seals the other two files."""
    info = BundleInfo(
        schema=SCHEMA_VERSION,
        classes=head.classes,
        geometry=facts.geometry,
        max_pixels=facts.max_pixels,
        temperature=head.temperature,
        test=facts.test,
        provenance=facts.provenance,
        parity=tuple(parity),
        files={name: file_digest(folder / name) for name in (GRAPH_FILE, WEIGHTS_FILE)},
        training_priors=facts.training_priors,
        decision=facts.decision,
    )
    return write_sealed(folder, info)


def measure_parity(trained: Probabilities, deployed: Probabilities, *, precision: str) -> Parity:
    """Compare the bundle's probabilities with the training side's.

    Args:
        trained: Shape (N, K), from cached features and the fitted head.
        deployed: Shape (N, K), from the bundle's graph on the same images.
        precision: Arithmetic of the deployed side.

    """
    largest = float(np.abs(trained - deployed).max(initial=0.0))
    disagreements = int((trained.argmax(1) != deployed.argmax(1)).sum())
    return Parity(
        images=len(trained),
        top1_disagreements=disagreements,
        largest_difference=largest,
        precision=precision,
    )


def check_parity(parity: Parity) -> None:
    """Refuse a bundle that does not answer as the training side does.

    Raises:
        BundleError: A probability differs by more than :data:`PARITY_LIMIT`.
    """
    if parity.largest_difference > PARITY_LIMIT:
        raise BundleError(
            f"the exported graph differs from the trained model by "
            f"{parity.largest_difference:.3f} in a probability (at most {PARITY_LIMIT} is "
            "accepted): please report this with your configuration"
        )
