"""A graph for one image has no computed shapes left, and answers alike."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from headstart.export.single_image import for_one_image


def test_computed_shapes_become_constants(picture) -> None:
    """As exporters write ``x.reshape(len(x), -1)``, with a mask as large as the batch."""
    node = helper.make_node
    tensors = {"first": np.int64(0), "axis": np.array([0]), "rest": np.array([-1])}
    graph = helper.make_graph(
        [
            node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
            node("Shape", ["values"], ["shape"]),
            node("Gather", ["shape", "first"], ["images"]),
            node("Unsqueeze", ["images", "axis"], ["count"]),
            node("Concat", ["count", "rest"], ["wished"], axis=0),
            node("Reshape", ["values", "wished"], ["rows"]),
            node("ConstantOfShape", ["count"], ["zeros"]),
            node("Add", ["rows", "zeros"], ["made"]),
        ],
        "shapes",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 8, 8, 3])],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(it), name) for name, it in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    single = for_one_image(model, 8)
    assert [it.op_type for it in single.graph.node] == ["Cast", "Reshape", "Add"]
    given = {"pixels": picture(size=(8, 8))[None]}
    (one,), (other,) = (ReferenceEvaluator(it).run(None, given) for it in (model, single))
    np.testing.assert_array_equal(one, other)
