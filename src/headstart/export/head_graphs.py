"""How each kind of head becomes nodes of a graph: from pooled activations to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from headstart.config.schema import Activation
from headstart.heads.base import Head
from headstart.heads.dense import DenseHead
from headstart.heads.ensemble import EnsembleHead
from headstart.heads.kernel import KernelHead
from headstart.heads.knn import EDGE, NEARNESS, SMOOTHING, NeighbourHead
from headstart.heads.linear import LinearHead
from headstart.heads.projected import Axes

_LEAST_LENGTH: Final = 1e-12


class HeadGraph:
    """Nodes and tensors of a head, added one after the other.

    Args:
        graph: Where they go.
        prefix: How every name of theirs begins.
    """

    def __init__(self, graph: onnx.GraphProto, prefix: str = "head.") -> None:
        self._graph = graph
        self._prefix = prefix
        self._count = 0

    def member(self, number: int) -> HeadGraph:
        """Return the same for one head of several, its names kept apart."""
        return HeadGraph(self._graph, f"{self._prefix}{number}.")

    def tensor(self, name: str, value: npt.ArrayLike, dtype: type = np.float32) -> str:
        """Add a constant and return its name.

        Args:
            name: Without the prefix.
            value: Its numbers.
            dtype: float32, or int64 for indices.
        """
        array: npt.NDArray[Any] = np.ascontiguousarray(np.asarray(value, dtype))
        self._graph.initializer.append(numpy_helper.from_array(array, self._prefix + name))
        return self._prefix + name

    def number(self, value: float) -> str:
        """Add a scalar and return its name."""
        self._count += 1
        return self.tensor(f"number.{self._count}", value)

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        (name,) = self.nodes(operator, *inputs, outputs=(output,), **attributes)
        return name

    def nodes(
        self, operator: str, *inputs: str, outputs: tuple[str, ...], **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node and return the names of its outputs; an empty one is made up."""
        self._count += 1
        names = tuple(
            name or f"{self._prefix}{operator}.{self._count}.{place}"
            for place, name in enumerate(outputs)
        )
        self._graph.node.append(helper.make_node(operator, list(inputs), list(names), **attributes))
        return names

    def total(self, values: str, axis: int) -> str:
        """Add a sum over one axis, which is then gone.

        OpenVINO 2026.4 fuses a sum that drops its axis with a vector added to it, and adds
        that vector along the wrong axis: so the axis is kept, then squeezed.
        """
        self._count += 1
        axes = self.tensor(f"axis.{self._count}", [axis], np.int64)
        return self.node("Squeeze", self.node("ReduceSum", values, axes, keepdims=1), axes)


def append_head(graph: onnx.GraphProto, head: Head, output: str) -> None:
    """Append a head to a graph that has its features.

    Args:
        graph: Holds every one of ``head.outputs``; changed in place.
        head: Its calibration is folded in.
        output: Name of the probabilities, float32 (N, K).
    """
    nodes = HeadGraph(graph)
    if isinstance(head, EnsembleHead):
        _mean(nodes, head, output)
        return
    features = nodes.node("Concat", *head.outputs, output="features", axis=1)
    logits = _BUILDERS[type(head)](nodes, head, features)
    nodes.node("Softmax", logits, output=output, axis=1)


def _mean(nodes: HeadGraph, head: EnsembleHead, output: str) -> None:
    """Average the members' probabilities, element by element, so in float32 throughout."""
    total = ""
    for number, member in enumerate(head.members):
        own = nodes.member(number)
        features = own.node("Concat", *member.outputs, axis=1)
        shares = own.node("Softmax", _BUILDERS[type(member)](own, member, features), axis=1)
        total = nodes.node("Add", total, shares) if total else shares
    nodes.node("Mul", total, nodes.number(1 / len(head.members)), output=output)


def _linear(nodes: HeadGraph, head: LinearHead, features: str) -> str:
    heat = np.float32(head.temperature)
    weight = nodes.tensor("weight", head.weight / heat)
    bias = nodes.tensor("bias", head.bias / heat)
    return nodes.node("Gemm", features, weight, bias)


def _dense(nodes: HeadGraph, head: DenseHead, features: str) -> str:
    values, last = features, len(head.weights) - 1
    for index, (weight, bias) in enumerate(zip(head.weights, head.biases, strict=True)):
        heat = np.float32(head.temperature if index == last else 1.0)
        values = _ACTIVATIONS[head.activation](nodes, values) if index else values
        tensors = (f"{index}.weight", weight / heat), (f"{index}.bias", bias / heat)
        values = nodes.node("Gemm", values, *(nodes.tensor(*tensor) for tensor in tensors))
    return values


def _gelu(nodes: HeadGraph, values: str) -> str:
    scaled = nodes.node("Mul", values, nodes.number(0.5**0.5))
    share = nodes.node("Add", nodes.node("Erf", scaled), nodes.number(1.0))
    return nodes.node("Mul", nodes.node("Mul", values, share), nodes.number(0.5))


_ACTIVATIONS: Final[Mapping[Activation, Callable[[HeadGraph, str], str]]] = {
    "relu": lambda nodes, values: nodes.node("Relu", values),
    "gelu": _gelu,
    "silu": lambda nodes, values: nodes.node("Mul", values, nodes.node("Sigmoid", values)),
    "tanh": lambda nodes, values: nodes.node("Tanh", values),
}


def _points(nodes: HeadGraph, axes: Axes, features: str) -> str:
    weight, bias = nodes.tensor("axes.weight", axes.weight), nodes.tensor("axes.bias", axes.bias)
    return nodes.node("Gemm", features, weight, bias)


def _kernel(nodes: HeadGraph, head: KernelHead, features: str) -> str:
    """Sum element by element: OpenVINO keeps all that follows the last product in float32.

    As matrix products, rounded to bf16, the large and cancelling dual weights move a
    probability by up to .17 on TrashNet's val split (emulated), the distances by .02.
    """
    middle = nodes.tensor("middle", [1], np.int64)
    points = nodes.node("Unsqueeze", _points(nodes, head.axes, features), middle)
    apart = nodes.node("Sub", points, nodes.tensor("support", head.support[None]))
    distances = nodes.total(nodes.node("Mul", apart, apart), 2)
    kernel = nodes.node("Exp", nodes.node("Mul", distances, nodes.number(-head.gamma)))
    heat = np.float32(head.temperature)
    dual = nodes.tensor("dual", (head.dual / heat).T[None])
    weighted = nodes.node("Mul", nodes.node("Unsqueeze", kernel, middle), dual)
    return nodes.node("Add", nodes.total(weighted, 2), nodes.tensor("bias", head.bias / heat))


def _neighbours(nodes: HeadGraph, head: NeighbourHead, features: str) -> str:
    points = _unit(nodes, _points(nodes, head.axes, features))
    cosines = nodes.node("MatMul", points, nodes.tensor("points", head.points.T))
    count = head.votes.neighbours
    most = nodes.tensor("neighbours", [count + 1], np.int64)
    values, places = nodes.nodes("TopK", cosines, most, outputs=("", ""), axis=1)
    sizes = nodes.tensor("sizes", [count, 1], np.int64)
    near, next_ = nodes.nodes("Split", values, sizes, outputs=("", ""), axis=1)
    voters, _ = nodes.nodes("Split", places, sizes, outputs=("", ""), axis=1)
    classes = nodes.node("Gather", nodes.tensor("labels", head.labels, np.int64), voters)
    ballots = nodes.node("Gather", nodes.tensor("ballots", np.diag(head.counts)), classes)
    last = nodes.tensor("last", [2], np.int64)
    weights = nodes.node("Unsqueeze", _vote_weights(nodes, head, near, next_), last)
    votes = nodes.total(nodes.node("Mul", ballots, weights), 1)
    smooth = nodes.node("Add", votes, nodes.number(SMOOTHING / len(head.classes)))
    return nodes.node("Div", nodes.node("Log", smooth), nodes.number(head.temperature))


def _unit(nodes: HeadGraph, points: str) -> str:
    length = nodes.node("ReduceL2", points, axes=[1], keepdims=1)
    return nodes.node("Div", points, nodes.node("Max", length, nodes.number(_LEAST_LENGTH)))


def _vote_weights(nodes: HeadGraph, head: NeighbourHead, near: str, next_: str) -> str:
    lead = nodes.node("Add", nodes.node("Sub", near, next_), nodes.number(NEARNESS))
    if head.votes.weights == "uniform":
        return nodes.node("Min", nodes.node("Div", lead, nodes.number(EDGE)), nodes.number(1.0))
    return nodes.node("Div", lead, nodes.node("Sub", nodes.number(1 + NEARNESS), next_))


_BUILDERS: Final[Mapping[type, Callable[[HeadGraph, Any, str], str]]] = {
    LinearHead: _linear,
    DenseHead: _dense,
    KernelHead: _kernel,
    NeighbourHead: _neighbours,
}
HEAD_KINDS: Final[tuple[type, ...]] = (*_BUILDERS, EnsembleHead)
"""Every head that can be appended to a graph."""
