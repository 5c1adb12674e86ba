from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from headstart.errors import BundleError
from headstart.export.torch_module import GraphModule, converting, quietly

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.normal(size=(2, 4, 7, 7)).astype(np.float32)


def graph(kind: str, tensors: list[np.ndarray], **attributes: Any) -> onnx.ModelProto:
    names = [f"t{place}" for place in range(len(tensors))]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node(kind, ["x", *names], ["y"], **attributes)
    stored = [numpy_helper.from_array(it, n) for it, n in zip(tensors, names, strict=True)]
    whole = helper.make_graph([node], "one", [given], [made], stored)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)])


def weight(*shape: int) -> np.ndarray:
    return GENERATOR.normal(size=shape).astype(np.float32)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("kind", "tensors", "attributes"),
    [
        ("Conv", [weight(6, 4, 3, 3), weight(6)], {"pads": [0, 0, 1, 1], "strides": [2, 2]}),
        ("Conv", [weight(4, 1, 3, 3)], {"group": 4, "pads": [1, 1, 1, 1]}),
        ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}),
        ("AveragePool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1]}),
        ("BatchNormalization", [weight(4), weight(4), weight(4), abs(weight(4))], {}),
        ("Clip", [np.float32(0.0), np.float32(0.5)], {}),
        ("Slice", [numbers(-1), numbers(-(2**62)), numbers(2), numbers(-1)], {}),
        ("Slice", [numbers(1, 0), numbers(2**62, 5), numbers(2, 3), numbers(1, 2)], {}),
        ("Pad", [numbers(0, 0, 1, 2, 0, 0, 3, 4), np.float32(0.5)], {}),
        ("Reshape", [numbers(0, -1, 49)], {}),
        ("Expand", [numbers(3, 1, 4, 7, 7)], {}),
        ("Gather", [numbers(1, 0)], {"axis": 1}),
        ("ReduceMean", [], {"axes": [2, 3], "keepdims": 0}),
        ("ReduceL2", [], {"axes": [1], "keepdims": 1}),
        ("ReduceSum", [numbers(1)], {"keepdims": 1}),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
        ("Flatten", [], {}),
        ("Softmax", [], {"axis": 1}),
        ("CumSum", [np.int64(2)], {}),
        ("CumSum", [np.int64(1)], {"reverse": 1, "exclusive": 1}),
        ("Round", [], {}),
        ("HardSigmoid", [], {"alpha": 1 / 6, "beta": 0.5}),
        ("LeakyRelu", [], {"alpha": 0.1}),
        ("Unsqueeze", [numbers(0, 3)], {}),
    ],
)
def test_operators_are_those_of_onnx(kind: str, tensors: list, attributes: dict) -> None:
    model = graph(kind, [np.asarray(it) for it in tensors], **attributes)
    (expected,) = onnx.reference.ReferenceEvaluator(model).run(None, {"x": IMAGE})
    found = GraphModule(model)(torch.from_numpy(IMAGE)).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_operator_that_is_not_known_is_named() -> None:
    with pytest.raises(BundleError, match="GridSample"):
        GraphModule(graph("GridSample", [weight(2, 3, 3, 2)]))


def test_a_trace_takes_any_batch_where_windows_are_counted_over_it() -> None:
    """As in Swin: (N, 4, 7, 7) to (2 N, 2, 7, 7), its first length computed."""
    node = helper.make_node
    tensors = {"zero": numbers(0), "two": numbers(2), "rest": numbers(2, 7, 7)}
    whole = helper.make_graph(
        [
            node("Shape", ["x"], ["shape"]),
            node("Gather", ["shape", "zero"], ["images"]),
            node("Mul", ["images", "two"], ["windows"]),
            node("Concat", ["windows", "rest"], ["lengths"], axis=0),
            node("Reshape", ["x", "lengths"], ["y"]),
        ],
        "windows",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 7, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(it, name) for name, it in tensors.items()],
    )
    module = GraphModule(helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)]))
    example = torch.from_numpy(IMAGE)
    module.follow_batch(example[:1])
    with quietly():
        traced = torch.jit.trace(module, example, check_trace=False)
    for count in (1, 2, 5):
        assert traced(torch.zeros(count, 4, 7, 7)).shape == (2 * count, 2, 7, 7)


def test_what_a_converter_does_not_know_is_said_with_the_mend() -> None:
    said = r"coremltools cannot convert this network: op 'foo' .*\. Export it as onnx or openvino"
    with pytest.raises(BundleError, match=said), converting("coremltools"):
        raise NotImplementedError("op 'foo' is not implemented\nmore")
