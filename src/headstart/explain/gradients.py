"""Reverse-mode differentiation of a graph's last part, in NumPy.

An activation map needs the gradient of a class's score at one activation, and what lies
between the two is small: pooling, a norm, an attention block, a head. So the deployed graph
itself is differentiated, one rule an operation, with no training library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from headstart.engines.opened_graph import Array, GraphNode, Tensor, Values
from headstart.explain import elementwise, rearranging, windows
from headstart.explain.rules import Call, Rule, UnsupportedError

_RULES: Final[Mapping[str, Rule]] = {
    **elementwise.RULES,
    **rearranging.RULES,
    **windows.RULES,
}


def supports(node: GraphNode) -> bool:
    """Tell whether an operation can be differentiated."""
    return node.kind in _RULES


@dataclass(frozen=True)
class Section:
    """The part of a graph between a node and some later ones, each after those it takes from.

    Attributes:
        nodes: Without the first and without constants.
        needed: Tensors whose values the rules look at; constants are not among them.
    """

    nodes: tuple[GraphNode, ...]
    needed: frozenset[Tensor]


def section(nodes: Mapping[str, GraphNode], start: str, ends: Iterable[str]) -> Section:
    """Return what lies between a node and others that depend on it.

    Args:
        nodes: Of the whole graph, each after those it takes from.
        start: Where gradients are wanted.
        ends: Where they come from.

    Raises:
        UnsupportedError: An operation between them cannot be differentiated.
    """
    after = _descendants(nodes, start)
    inside = _leading_to(nodes, ends, after, start)
    steps = tuple(node for name, node in nodes.items() if name in inside and name != start)
    missing = sorted({node.kind for node in steps if not supports(node)})
    if missing:
        raise UnsupportedError(f"no gradient is known for {', '.join(missing)}")
    needed = {t for node in steps for t in node.inputs if nodes[t[0]].constant is None}
    return Section(steps, frozenset(needed))


def backward(
    nodes: Mapping[str, GraphNode], part: Section, values: Values, seeds: Mapping[Tensor, Array]
) -> Values:
    """Return the gradients at every tensor of a section that any flows to.

    Args:
        nodes: Of the whole graph.
        part: What is differentiated.
        values: Of ``part.needed``.
        seeds: Gradients at its ends, of their shapes.
    """
    gradients: dict[Tensor, Array] = dict(seeds)
    for node in reversed(part.nodes):
        flowing = [gradients.get(output) for output in node.outputs]
        if all(gradient is None for gradient in flowing):
            continue
        inputs = [_value(nodes, values, tensor) for tensor in node.inputs]
        active = tuple(nodes[name].constant is None for name, _ in node.inputs)
        call = Call(node.attributes, inputs, active, node.shapes, flowing)
        for tensor, gradient in zip(node.inputs, _RULES[node.kind](call), strict=False):
            if gradient is not None and nodes[tensor[0]].constant is None:
                known = gradients.get(tensor)
                gradients[tensor] = gradient if known is None else known + gradient
    return gradients


def _value(nodes: Mapping[str, GraphNode], values: Values, tensor: Tensor) -> Array:
    constant = nodes[tensor[0]].constant
    return values[tensor] if constant is None else constant


def _descendants(nodes: Mapping[str, GraphNode], start: str) -> set[str]:
    found = {start}
    for name, node in nodes.items():
        if any(source in found for source, _ in node.inputs):
            found.add(name)
    return found


def _leading_to(
    nodes: Mapping[str, GraphNode], ends: Iterable[str], after: set[str], start: str
) -> set[str]:
    found: set[str] = set()
    waiting = [name for name in ends if name in after]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if name != start:
                waiting.extend(s for s, _ in nodes[name].inputs if s in after)
    return found
