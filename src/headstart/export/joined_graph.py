"""One ONNX graph that holds several: what they have in common is there once.

A node is known by its operator, its attributes and what goes in, a tensor by its content.
So members on the same backbone share it as far as they need it, whatever it was called,
and members on different ones lie side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

from headstart.errors import BundleError
from headstart.evaluation.pooling import LEAST_PROBABILITY, Pool
from headstart.export.classifier_graph import OUTPUT
from headstart.export.head_graphs import HeadGraph
from headstart.export.resizing_nodes import resized
from headstart.export.views import View

_GRAPHS: Final = (AttributeProto.GRAPH, AttributeProto.GRAPHS)


@dataclass(frozen=True)
class Member:
    """A classifier to be joined with others.

    Attributes:
        model: From pixels, uint8 (N, S, S, 3), to probabilities, float32 (N, K); with its
            tensors inside.
        size_px: Side S of the squares that it takes.
        view: How it looks at them; ``None``: as they are.
    """

    model: ModelProto
    size_px: int
    view: View | None = None


def join_graphs(members: Sequence[Member], pool: Pool) -> ModelProto:
    """Return one graph from pixels to the probabilities that all members come to.

    It takes the largest of the members' squares; for others they are resized inside.

    Args:
        members: Classifiers of the same K classes.
        pool: How their answers become one.

    Raises:
        BundleError: Two of them are written in versions of ONNX that do not go together.
    """
    largest = max(members, key=lambda member: member.size_px)
    merger = _Merger(_shell(members, largest.model))
    entry = merger.graph.input[0].name
    answers = []
    for number, member in enumerate(members):
        taken = merger.resized(entry, largest.size_px, member.size_px)
        taken = merger.viewed(taken, member)
        answers.append(merger.add(member.model, taken, f"member.{number}."))
    append_pool(merger.graph, answers, pool)
    onnx.checker.check_model(merger.model)
    return merger.model


def append_pool(graph: onnx.GraphProto, answers: Sequence[str], pool: Pool) -> None:
    """Append what makes one answer of several, element by element, so in float32.

    Args:
        graph: Holds the members' probabilities; changed in place.
        answers: Their names.
        pool: How they become one.
    """
    nodes = HeadGraph(graph, "pool.")
    stacked = pool.method == "stacked"
    total = ""
    for answer, weight in zip(answers, pool.weights.tolist(), strict=True):
        shares = _logs(nodes, answer) if stacked else answer
        part = nodes.node("Mul", shares, nodes.number(weight))
        total = nodes.node("Add", total, part) if total else part
    scores = nodes.node("Add", total, nodes.tensor("biases", pool.biases)) if stacked else ""
    scores = scores or _logs(nodes, total)
    cooled = nodes.node("Mul", scores, nodes.number(1 / pool.temperature))
    nodes.node("Softmax", cooled, output=OUTPUT, axis=1)


def _logs(nodes: HeadGraph, shares: str) -> str:
    return nodes.node("Log", nodes.node("Max", shares, nodes.number(LEAST_PROBABILITY)))


def _shell(members: Sequence[Member], largest: ModelProto) -> ModelProto:
    """Return a graph of the largest member's input and output, without nodes."""
    versions = {(m.model.ir_version, *_opsets(m.model)) for m in members}
    if len(versions) > 1:
        raise BundleError(
            "the members' graphs are written in different versions of ONNX: train them again "
            "with one version of headstart"
        )
    shell = ModelProto()
    shell.CopyFrom(largest)
    for field in (shell.graph.node, shell.graph.initializer, shell.graph.value_info):
        del field[:]
    return shell


def _opsets(model: ModelProto) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((it.domain, it.version) for it in model.opset_import))


class _Merger:
    """Adds graphs to one, and nothing twice.

    Args:
        model: With an input, an output and no nodes; changed in place.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        self._used = {it.name for it in (*self.graph.input, *self.graph.output)}
        self._tensors: dict[bytes, str] = {}
        self._nodes: dict[bytes, tuple[str, ...]] = {}
        self._sizes: dict[int, str] = {}
        self._views: dict[tuple[str, str], str] = {}

    def resized(self, entry: str, from_px: int, to_px: int) -> str:
        """Return the name of the pixels at another size."""
        if from_px == to_px:
            return entry
        if to_px not in self._sizes:
            self._sizes[to_px] = resized(self.graph, entry, from_px, to_px)
        return self._sizes[to_px]

    def viewed(self, entry: str, member: Member) -> str:
        """Return the name of the pixels as a member looks at them."""
        view = member.view
        if view is None:
            return entry
        key = (entry, view.name)
        if key not in self._views:
            nodes = HeadGraph(self.graph, f"{view.name.replace(':', '.')}.{member.size_px}.")
            self._views[key] = view.add(nodes, entry, member.size_px)
        return self._views[key]

    def add(self, model: ModelProto, entry: str, prefix: str) -> str:
        """Add a graph whose input is there already, and return its output's name."""
        names = {model.graph.input[0].name: entry, "": ""}
        for tensor in model.graph.initializer:
            names[tensor.name] = self._tensor(tensor, prefix)
        for node in model.graph.node:
            made = self._node(node, [names[name] for name in node.input], prefix)
            names.update(zip(node.output, made, strict=True))
        return names[model.graph.output[0].name]

    def _tensor(self, tensor: TensorProto, prefix: str) -> str:
        copy = TensorProto()
        copy.CopyFrom(tensor)
        copy.ClearField("name")
        content = hashlib.sha256(copy.SerializeToString(deterministic=True)).digest()
        if content not in self._tensors:
            copy.name = self._tensors[content] = self._free(tensor.name, prefix)
            self.graph.initializer.append(copy)
        return self._tensors[content]

    def _node(self, node: NodeProto, inputs: list[str], prefix: str) -> tuple[str, ...]:
        if any(attribute.type in _GRAPHS for attribute in node.attribute):
            raise BundleError(
                f"a member's graph has a branch or a loop ({node.op_type}), which cannot be "
                "joined with others: leave that member out"
            )
        content = _digest(node, inputs)
        if content not in self._nodes:
            outputs = tuple(self._free(name, prefix) if name else "" for name in node.output)
            self._nodes[content] = outputs
            copy = NodeProto()
            copy.CopyFrom(node)
            del copy.input[:], copy.output[:]
            copy.input.extend(inputs)
            copy.output.extend(outputs)
            copy.name = next(name for name in outputs if name)
            self.graph.node.append(copy)
        return self._nodes[content]

    def _free(self, name: str, prefix: str) -> str:
        free = name if name not in self._used else prefix + name
        self._used.add(free)
        return free


def _digest(node: NodeProto, inputs: Sequence[str]) -> bytes:
    """Return what tells a node: not its name, nor those of its outputs, but which it has."""
    attributes = sorted(it.SerializeToString(deterministic=True) for it in node.attribute)
    asked = [bool(name) for name in node.output]
    known = repr((node.domain, node.op_type, list(inputs), attributes, asked))
    return hashlib.sha256(known.encode()).digest()
