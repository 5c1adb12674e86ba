"""Squares made smaller inside a graph are what Pillow makes of them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.export.resizing_nodes import resized


@pytest.mark.parametrize(("side", "smaller"), [(48, 32), (40, 39)])
def test_a_graph_resizes_as_pillow_does(tmp_path, picture, side: int, smaller: int) -> None:
    graph = onnx.GraphProto(name="resizing")
    shape = ["batch", side, side, 3]
    graph.input.append(helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape))
    last = resized(graph, "pixels", side, smaller)
    graph.node.append(helper.make_node("Cast", [last], ["values"], to=TensorProto.FLOAT))
    shape = ["batch", smaller, smaller, 3]
    graph.output.append(helper.make_tensor_value_info("values", TensorProto.FLOAT, shape))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "resizing.onnx")
    pixels = np.stack([picture(seed, size=(side, side)) for seed in range(2)])
    engine = OpenVinoEngine(tmp_path / "resizing.onnx", precision="f32")
    made = next(engine.stream([pixels]))
    asked = (smaller, smaller)
    expected = [np.asarray(Image.fromarray(it).resize(asked, 3)) for it in pixels]
    assert np.abs(made.reshape(2, smaller, smaller, 3) - np.stack(expected)).max() <= 1
