"""A graph opened up computes what it computes closed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.engines.opened_graph import OpenedGraph
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import DataError


@pytest.fixture(scope="module")
def opened(small_bundle: Path) -> OpenedGraph:
    return OpenedGraph(small_bundle / "graph.onnx")


def test_every_node_comes_after_what_it_takes(opened: OpenedGraph) -> None:
    seen: set[str] = set()
    for name, node in opened.nodes.items():
        assert {source for source, _ in node.inputs} <= seen
        seen.add(name)
        assert (node.kind == "Constant") == (node.constant is not None)
        assert all(length > 0 for shape in node.shapes for length in shape)


def test_inner_tensors_come_out_beside_the_answer(opened, small_bundle, picture) -> None:
    pixels = picture(3, size=(96, 96))[None]
    answer, inner = opened.named("probabilities"), opened.named("blocks.2/mean")
    assert answer is not None
    assert inner is not None
    run = opened.compile([*answer.outputs, *inner.outputs], precision="f32", threads=1)
    values = run(pixels)
    engine = OpenVinoEngine(small_bundle / "graph.onnx", precision="f32", batch_size=1, threads=1)
    expected = next(engine.stream([pixels]))
    np.testing.assert_allclose(values[answer.outputs[0]], expected, atol=1e-5)
    assert values[inner.outputs[0]].shape == inner.shapes[0] == (1, 40)
    kept = values[inner.outputs[0]].copy()
    run(picture(4, size=(96, 96))[None])
    np.testing.assert_array_equal(values[inner.outputs[0]], kept)


def test_scaled_pixels_are_refused(opened: OpenedGraph) -> None:
    answer = opened.named("probabilities")
    assert answer is not None
    with pytest.raises(DataError, match="expected uint8"):
        opened.compile(answer.outputs, precision="f32")(np.zeros((1, 96, 96, 3), np.float32))


def test_a_strange_name_is_nowhere(opened: OpenedGraph) -> None:
    assert opened.named("attention") is None
