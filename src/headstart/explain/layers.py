"""Picking the layer of a map: the last one with places, that all evidence passes through.

Every feature of a head comes from one activation: the last node that dominates it, that is
lies on every path from the pixels to it, and still has places. A class token is taken from
the tokens' last norm, which it dominates alone: no gradient reaches any patch there, so one
goes up to where some does, and reads the map after that block's norm, as is usual (before
it, gradient times activation is zero: a norm forgets scale).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np

from headstart.engines.opened_graph import GraphNode, OpenedGraph, Tensor
from headstart.explain.gradients import Section, backward, section
from headstart.explain.places import Places, find_places
from headstart.explain.rules import UnsupportedError

FEATURES: Final = "features"
ENOUGH_PLACES: Final = 4
"""Places a side that are worth going further up for."""
_REACHED: Final = 0.25
_WITHOUT_PLACES: Final = {"Pad", "Split", "VariadicSplit"}
"""A border moves the places; of a split's parts none is all."""
_POOLED: Final = "pooled"
Nodes = Mapping[str, GraphNode]


@dataclass(frozen=True)
class Block:
    """One input of a head: a tensor (1, C) and where its numbers lie among all features."""

    tensor: Tensor
    columns: slice


@dataclass(frozen=True)
class Layer:
    """An activation that a map is read from.

    Attributes:
        name: Of the tap: ``"blocks.5"``, ``"final"``.
        blocks: Features that come from it.
        tensor: The activation.
        places: How its places lie.
        part: What lies between it, or what it is made from, and the features.
    """

    name: str
    blocks: tuple[Block, ...]
    tensor: Tensor
    places: Places
    part: Section


def find_layers(graph: OpenedGraph) -> tuple[Layer, ...]:
    """Return the layers that a deployed classifier's features come from, one a tap.

    Args:
        graph: Of a bundle, for one image.

    Raises:
        UnsupportedError: There is no such layer, or no gradient up to it.
    """
    features = graph.named(FEATURES)
    if features is None:
        raise UnsupportedError("the graph has no features by that name")
    above = dominators(graph.nodes)
    groups = _groups(graph.nodes, features)
    return tuple(_find_layer(graph.nodes, above, *group) for group in groups.items())


def dominators(nodes: Nodes) -> dict[str, str | None]:
    """Return each node's immediate dominator: the last that every path to it passes.

    Only nodes that depend on the graph's input have one; the input's own is ``None``.
    (Lengauer and Tarjan, 1979, doi:10.1145/357062.357071; without cycles one pass does.)
    """
    above: dict[str, str | None] = {}
    depths: dict[str, int] = {}
    for name, node in nodes.items():
        if node.kind == "Parameter":
            above[name], depths[name] = None, 0
        elif sources := [source for source, _ in node.inputs if source in above]:
            above[name] = common = _common(above, depths, sources)
            depths[name] = depths[common] + 1
    return above


def _common(
    above: Mapping[str, str | None], depths: Mapping[str, int], names: Iterable[str]
) -> str:
    def meet(one: str, other: str) -> str:
        while one != other:
            deeper, rest = (one, other) if depths[one] >= depths[other] else (other, one)
            step = above[deeper]
            assert step is not None
            one, other = step, rest
        return one

    return reduce(meet, names)


def _groups(nodes: Nodes, features: GraphNode) -> dict[str, list[Block]]:
    """Return the blocks of each tap; what a classifier sees of the last one by itself."""
    groups: dict[str, list[Block]] = {}
    start = 0
    for tensor in features.inputs:
        node = nodes[tensor[0]]
        stop = start + node.shapes[tensor[1]][1]
        groups.setdefault(_tap(node), []).append(Block(tensor, slice(start, stop)))
        start = stop
    return groups


def _tap(node: GraphNode) -> str:
    names = sorted(name for name in node.tensor_names if "/" in name.strip("/"))
    own = next((name for name in names if not name.startswith("/")), node.name)
    tap, _, statistic = own.rpartition("/")
    return own if statistic == _POOLED else tap


def _find_layer(
    nodes: Nodes, above: Mapping[str, str | None], name: str, blocks: list[Block]
) -> Layer:
    best: Layer | None = None
    try:
        for layer in _candidates(nodes, above, name, tuple(blocks)):
            best = layer if best is None else max(best, layer, key=lambda one: one.places.side)
            if best.places.side >= ENOUGH_PLACES:
                break
    except UnsupportedError:
        if best is None:
            raise
    if best is None:
        raise UnsupportedError(f"no layer before {name} has places")
    return best


def _candidates(
    nodes: Nodes, above: Mapping[str, str | None], name: str, blocks: tuple[Block, ...]
) -> Iterator[Layer]:
    """Yield activations with places that gradients reach, the last one first."""
    ends = [block.tensor[0] for block in blocks]
    channels = blocks[0].columns.stop - blocks[0].columns.start
    for start in _upwards(above, _lowest(above, ends)):
        node = nodes[start]
        places = find_places(node.shapes[0], channels=channels)
        if places is None or node.kind in _WITHOUT_PLACES:
            continue
        part = section(nodes, start, ends)
        tensor = _after_norm(nodes, part, (start, 0))
        layer = Layer(name, blocks, tensor, places, part)
        if _is_reached(nodes, layer):
            yield layer


def _lowest(above: Mapping[str, str | None], names: Sequence[str]) -> str:
    """Return the last node that dominates all of some, which may be one of them."""
    chains = [list(_upwards(above, name)) for name in names]
    shared = set(chains[0]).intersection(*chains[1:])
    return next(name for name in chains[0] if name in shared)


def _upwards(above: Mapping[str, str | None], name: str) -> Iterator[str]:
    step: str | None = name
    while step is not None:
        yield step
        step = above[step]


def _after_norm(nodes: Nodes, part: Section, tensor: Tensor) -> Tensor:
    """Return a norm's result where one is the first thing done with an activation."""
    for node in part.nodes:
        if node.kind == "MVN" and node.inputs[0] == tensor:
            return _scaled(nodes, part, node.outputs[0])
    return tensor


def _scaled(nodes: Nodes, part: Section, tensor: Tensor) -> Tensor:
    """Follow a norm's weight and bias, while nothing else takes the tensor."""
    takers = [node for node in part.nodes if tensor in node.inputs]
    if len(takers) != 1 or takers[0].kind not in {"Multiply", "Add"}:
        return tensor
    constants = [nodes[name].constant is not None for name, _ in takers[0].inputs]
    return _scaled(nodes, part, takers[0].outputs[0]) if any(constants) else tensor


def _is_reached(nodes: Nodes, layer: Layer) -> bool:
    """Tell whether gradients reach enough of the places, tried on random numbers."""
    rng = np.random.default_rng(0)

    def random(tensor: Tensor) -> np.ndarray:
        shape = nodes[tensor[0]].shapes[tensor[1]]
        return np.abs(rng.normal(size=shape)).astype(np.float32)

    values = {tensor: random(tensor) for tensor in sorted(layer.part.needed)}
    seeds = {block.tensor: random(block.tensor) for block in layer.blocks}
    gradient = backward(nodes, layer.part, values, seeds).get(layer.tensor)
    if gradient is None:
        return False
    reached = np.abs(layer.places.square(gradient)).max(axis=0) > 0
    return bool(reached.mean() >= _REACHED)
