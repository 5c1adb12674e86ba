"""From activations and gradients to one map over the square."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from headstart.engines.opened_graph import Array, OpenedGraph, Tensor, Values
from headstart.explain.gradients import backward, section
from headstart.explain.layers import FEATURES, Layer

Map = npt.NDArray[np.float32]
BLUR: Final = 1 / 14
"""Deviation of the blur as a share of the square's side."""


class EvidenceTape:
    """What a class's lead owes to each place, for any image that ran through a graph.

    Args:
        graph: Of a bundle, for one image.
        layers: Where maps are read.
        logits: Tensor of the logits, (1, K).

    Raises:
        UnsupportedError: No gradient is known through the head.
    """

    def __init__(self, graph: OpenedGraph, layers: Iterable[Layer], logits: Tensor) -> None:
        features = graph.named(FEATURES)
        assert features is not None
        self._nodes = graph.nodes
        self._features = features.outputs[0]
        self._head = section(graph.nodes, features.name, [logits[0]])
        self._logits = logits
        self._classes = graph.nodes[logits[0]].shapes[logits[1]][1]
        self.layers = tuple(layers)

    @property
    def needed(self) -> frozenset[Tensor]:
        """Tensors whose values :meth:`read` wants."""
        parts = (layer.part.needed | {layer.tensor} for layer in self.layers)
        return frozenset({self._logits}).union(self._head.needed, *parts)

    def read(self, values: Values, label: int) -> list[Map]:
        """Return one map a layer, (side, side): what each place adds to the class's lead.

        Gradient times activation, summed over channels: HiResCAM (Draelos and Carin,
        arXiv:2011.08891), which is CAM (Zhou et al., arXiv:1512.04150) where a linear head
        takes averages. The lead is the class's logit less the mean of the others': what speaks
        for all classes alike speaks for none. On TrashNet it orders places better than the
        log-odds, which mostly hold one class against the runner-up (ARCHITECTURE.md).

        Args:
            values: Of :attr:`needed`.
            label: Number of the class.
        """
        seeds = {self._logits: lead_gradient(self._classes, label)}
        features = backward(self._nodes, self._head, values, seeds).get(self._features)
        return [self._read_layer(values, layer, features) for layer in self.layers]

    def _read_layer(self, values: Values, layer: Layer, features: Array | None) -> Map:
        if features is None:
            return np.zeros((layer.places.side,) * 2, np.float32)
        seeds = {block.tensor: features[:, block.columns] for block in layer.blocks}
        gradient = backward(self._nodes, layer.part, values, seeds)[layer.tensor]
        product = layer.places.square(gradient * values[layer.tensor])
        return np.asarray(product.sum(axis=0), np.float32)


def lead(logits: Array, label: int) -> float:
    """Return a class's logit less the mean of the others', from logits (1, K).

    >>> lead(np.array([[3.0, 1.0, 2.0]]), 0)
    1.5
    """
    others = np.delete(np.asarray(logits[0], np.float64), label)
    return float(logits[0, label] - others.mean())


def lead_gradient(classes: int, label: int) -> Array:
    """Return the gradient of a class's lead by the logits, (1, K), everywhere the same.

    >>> lead_gradient(3, 0).tolist()
    [[1.0, -0.5, -0.5]]
    """
    gradient = np.full((1, classes), -1 / (classes - 1), np.float32)
    gradient[0, label] = 1.0
    return gradient


def joined(maps: Iterable[Map], size_px: int) -> Map:
    """Return maps of several layers as one, smoothed, (size_px, size_px).

    Each is enlarged as a density, so that its mean stays its layer's share of the lead,
    and the densities are added. All is done at a quarter of the size: the blur is wider.
    """
    side = max(1, size_px // 4)
    total = np.zeros((side, side), np.float32)
    for small in maps:
        total += enlarged(small * small.size, side)
    return enlarged(smoothed(total), size_px)


def smoothed(evidence: Map) -> Map:
    """Return a map blurred to about the size of what one place has seen.

    The place of a maximum is one number of an early layer; what it answers to is larger.
    Beyond the edge everything counts as average: a corner is not allowed to stand out for
    having fewer neighbours.
    """
    size, mean = len(evidence), evidence.mean()
    apart = np.subtract.outer(np.arange(size), np.arange(size)) / (BLUR * size)
    weights = np.exp(-0.5 * apart**2).astype(np.float32)
    weights /= weights.sum(axis=1).max()
    return np.asarray(mean + weights @ (evidence - mean) @ weights.T, np.float32)


def enlarged(small: Map, size_px: int) -> Map:
    """Return a map enlarged to a square, bilinear."""
    image = Image.fromarray(np.ascontiguousarray(small, np.float32))
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.BILINEAR))


def anchored(evidence: Map, lead: float) -> Map:
    """Return evidence shifted so that its mean is the class's lead.

    What no place adds, a head's constant, is so shared by all: a place then shows the lead
    the class would have if the whole image were like it.
    """
    return np.asarray(evidence + (lead - evidence.mean()), np.float32)


def scaled(evidences: Sequence[Map]) -> list[Map]:
    """Return the positive evidence above each map's mean, 0 to 1, on the first one's scale.

    >>> first, second = np.array([[0.0, 4.0]], np.float32), np.array([[-3.0, 1.0]], np.float32)
    >>> [one.tolist() for one in scaled([first, second])]
    [[[0.0, 1.0]], [[0.0, 0.5]]]
    """
    above = [np.maximum(one - max(float(one.mean()), 0.0), 0.0) for one in evidences]
    top = next((float(one.max()) for one in above if one.any()), 1.0)
    return [np.asarray(np.minimum(one / top, 1.0), np.float32) for one in above]
