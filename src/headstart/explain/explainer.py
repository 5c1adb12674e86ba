"""Class activation maps from a bundle alone, on the runtime floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from headstart.bundle import Bundle, load_bundle
from headstart.data.manifest import Pixels
from headstart.engines.opened_graph import Array, OpenedGraph, Tensor
from headstart.errors import BundleError, DataError, UnknownNameError
from headstart.explain.evidence import EvidenceTape, Map, anchored, joined, lead, scaled
from headstart.explain.layers import find_layers
from headstart.explain.occlusion import occlusion_map
from headstart.explain.rules import UnsupportedError

Method = Literal["gradients", "occlusion"]
_PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class ClassMap:
    """Where the evidence for one class lies.

    Attributes:
        label: The class.
        probability: Calibrated, of the class for the whole image.
        map: float32, (S, S), 0 to 1 over the model's square: what speaks for the class, more
            than elsewhere; 1 is the strongest place of the first map of an explanation, so
            another class that nothing speaks for stays dark. :func:`headstart.explain.on_image`
            takes it to the image.
        evidence: float32, (S, S): what each place adds to the class's lead, its logit
            less the mean of the others'; the map's mean is the lead.
    """

    label: str
    probability: float
    map: Map
    evidence: Map


@dataclass(frozen=True)
class Explanation:
    """A prediction and what it rests on.

    Attributes:
        probabilities: Calibrated, shape (K,).
        maps: Of the classes asked for, in that order.
        method: ``"gradients"``, or ``"occlusion"`` where there are none.
        layers: Taps the maps were read from; none for occlusion.
        reason: Why it had to be occlusion; else empty.
    """

    probabilities: npt.NDArray[np.float32]
    maps: tuple[ClassMap, ...]
    method: Method
    layers: tuple[str, ...]
    reason: str

    @property
    def best(self) -> int:
        """Number of the predicted class."""
        return int(self.probabilities.argmax())


class Explainer:
    """Explains a bundle's answers. Made by :func:`load_explainer`.

    Args:
        bundle: A verified bundle.
        precision: ``"auto"`` (the processor's fastest), ``"bf16"`` or ``"f32"``.
        threads: Processor threads; all that are allowed where not given.

    Raises:
        BundleError: The graph is no classifier's.
    """

    def __init__(
        self, bundle: Bundle, *, precision: str = "auto", threads: int | None = None
    ) -> None:
        self.bundle = bundle
        self.classes = bundle.info.classes
        graph = OpenedGraph(bundle.graph)
        answer = graph.named(_PROBABILITIES)
        if answer is None:
            raise BundleError(f"{bundle.graph} has no output called {_PROBABILITIES!r}")
        self._answer: Tensor = answer.outputs[0]
        self._logits = answer.inputs[0]
        self._tape, self._reason = _tape(graph, self._logits)
        self._layers = tuple(layer.name for layer in self._tape.layers) if self._tape else ()
        needed = self._tape.needed if self._tape else frozenset()
        wanted = sorted({self._answer, self._logits} | needed)
        self._run = graph.compile(wanted, precision=precision, threads=threads)

    @property
    def method(self) -> Method:
        """How it explains, unless an image leaves it no gradient."""
        return "gradients" if self._tape else "occlusion"

    def explain(self, pixels: Pixels, classes: Sequence[str] | None = None) -> Explanation:
        """Explain the answer for one image.

        Args:
            pixels: The model's square, uint8 (S, S, 3), as
                :func:`headstart.data.decoding.load_pixels` makes it by the bundle's geometry.
            classes: Names; the predicted class and the runner-up where not given.

        Raises:
            DataError: The pixels are not such a square.
            UnknownNameError: The bundle has no such class.
        """
        _check_square(pixels, self.bundle.info.geometry.size_px)
        values = self._run(pixels[None])
        probabilities = values[self._answer][0]
        labels = self._numbers(classes, probabilities)
        found, reason = self._gradient_maps(values, labels), self._reason
        if found is None:
            reason = reason or "the answer does not change with small changes of the features"
            found = [[one] for one in occlusion_map(self._logits_of, pixels, labels)]
        evidence = [
            anchored(joined(small, len(pixels)), lead(values[self._logits], label))
            for small, label in zip(found, labels, strict=True)
        ]
        return Explanation(
            probabilities=probabilities,
            maps=tuple(
                ClassMap(self.classes[label], float(probabilities[label]), shown, raw)
                for label, shown, raw in zip(labels, scaled(evidence), evidence, strict=True)
            ),
            method="occlusion" if reason else "gradients",
            layers=self._layers if not reason else (),
            reason=reason,
        )

    def _numbers(self, classes: Sequence[str] | None, probabilities: Array) -> list[int]:
        if classes is None:
            return [int(label) for label in (-probabilities).argsort(kind="stable")[:2]]
        for name in classes:
            if name not in self.classes:
                raise UnknownNameError("class", name, self.classes)
        return [self.classes.index(name) for name in classes]

    def _gradient_maps(
        self, values: dict[Tensor, Array], labels: list[int]
    ) -> list[list[Map]] | None:
        if self._tape is None:
            return None
        found = [self._tape.read(values, label) for label in labels]
        return found if all(any(m.any() for m in maps) for maps in found) else None

    def _logits_of(self, pixels: Pixels) -> Array:
        return self._run(pixels[None])[self._logits]


def load_explainer(
    bundle: str | Path, *, precision: str = "auto", threads: int | None = None
) -> Explainer:
    """Load a bundle to explain its answers.

    Args:
        bundle: Bundle folder, or a run directory that holds one.
        precision: ``"auto"`` (the processor's fastest), ``"bf16"`` or ``"f32"``.
        threads: Processor threads; all that are allowed where not given.

    Raises:
        BundleError: A file is missing, changed or of an unknown version.
    """
    return Explainer(load_bundle(bundle), precision=precision, threads=threads)


def _tape(graph: OpenedGraph, logits: Tensor) -> tuple[EvidenceTape | None, str]:
    """Return what reads gradients, or why there is none."""
    try:
        return EvidenceTape(graph, find_layers(graph), logits), ""
    except UnsupportedError as error:
        return None, str(error)


def _check_square(pixels: Pixels, size_px: int) -> None:
    expected = (size_px, size_px, 3)
    if pixels.dtype != np.uint8 or pixels.shape != expected:
        raise DataError(
            f"pixels of {pixels.dtype} {pixels.shape}: expected uint8 {expected}, "
            "which load_pixels makes by the bundle's geometry"
        )
