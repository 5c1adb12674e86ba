"""The layer is found from the graph: what lies on every path, and still has places."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from headstart.engines.opened_graph import GraphNode, OpenedGraph
from headstart.explain.layers import dominators, find_layers
from headstart.explain.rules import UnsupportedError


def node(name: str, *sources: str, kind: str = "Add", shape: Sequence[int] = (1, 4)) -> GraphNode:
    inputs = tuple((source, 0) for source in sources)
    return GraphNode(name, kind, inputs, (tuple(shape),), frozenset({name}), {}, None)


def named(*nodes: GraphNode) -> dict[str, GraphNode]:
    return {one.name: one for one in nodes}


def test_a_branch_is_dominated_by_where_it_began() -> None:
    nodes = named(
        node("pixels", kind="Parameter"),
        node("stem", "pixels"),
        node("left", "stem"),
        node("right", "stem"),
        node("far right", "right"),
        node("sum", "left", "far right"),
        node("head", "sum", "apart"),
    ) | named(node("apart"))
    assert dominators(nodes) == {
        "pixels": None,
        "stem": "pixels",
        "left": "stem",
        "right": "stem",
        "far right": "right",
        "sum": "stem",
        "head": "sum",
    }


def test_each_tap_has_its_layer(write_bundle, random_head, tmp_path: Path) -> None:
    outputs = ("blocks.2/mean", "blocks.2/std", "blocks.4/max", "final/mean")
    write_bundle(tmp_path, random_head(*outputs))
    layers = find_layers(OpenedGraph(tmp_path / "graph.onnx"))
    assert [layer.name for layer in layers] == ["blocks.2", "blocks.4", "final"]
    assert [layer.places.side for layer in layers] == [12, 6, 6]  # 3 x 3 would be too few
    assert [len(layer.blocks) for layer in layers] == [2, 1, 1]
    columns = [block.columns for layer in layers for block in layer.blocks]
    assert columns[0].start == 0
    assert all(a.stop == b.start for a, b in itertools.pairwise(columns))


def test_a_graph_without_features_is_not_for_gradients(lite0_graph) -> None:
    with pytest.raises(UnsupportedError, match="no features"):
        find_layers(OpenedGraph(lite0_graph.path))
