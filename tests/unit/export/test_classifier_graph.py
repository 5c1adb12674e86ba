"""The exported graph computes backbone, head and calibration, and nothing else."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load as load_safetensors

from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.export.classifier_graph import build_classifier, pack_safetensors, split_weights

EARLY = ("blocks.2/mean", "blocks.2/std")


@pytest.fixture(scope="module")
def backbone(lite0_graph) -> onnx.ModelProto:
    return onnx.load(lite0_graph.path)


@pytest.fixture(scope="module")
def pixels(picture, lite0_graph) -> np.ndarray:
    side = (lite0_graph.size_px, lite0_graph.size_px)
    return np.stack([picture(seed, size=side) for seed in range(8)])


def answers(path, pixels: np.ndarray) -> np.ndarray:
    return next(OpenVinoEngine(path, precision="f32").stream([pixels]))


@pytest.mark.parametrize("outputs", [EARLY, "all"], ids=["early", "all"])
def test_it_answers_as_the_head_does_on_features(
    backbone, lite0_graph, random_head, pixels, tmp_path, outputs
) -> None:
    layout = lite0_graph.layout
    head = random_head(*(layout.outputs_of("all") if outputs == "all" else outputs))
    features = answers(lite0_graph.path, pixels)[:, layout.columns(head.outputs)]
    scores = (features @ head.weight + head.bias) / head.temperature
    expected = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    onnx.save(build_classifier(backbone, head), tmp_path / "whole.onnx")
    np.testing.assert_allclose(answers(tmp_path / "whole.onnx", pixels), expected, atol=1e-4)
    assert expected.std(axis=0).max() > 1e-2


def test_what_the_taps_do_not_need_is_cut_away(backbone, random_head) -> None:
    model = build_classifier(backbone, random_head(*EARLY))
    made = {name for node in model.graph.node for name in node.output}
    used = {name for node in model.graph.node for name in node.input}
    assert made - used == {"probabilities"}
    assert {tensor.name for tensor in model.graph.initializer} <= used
    assert not [name for name in used if "blocks.3" in name or "conv_head" in name]
    assert model.ByteSize() < 0.1 * backbone.ByteSize()


def test_its_interface_is_pixels_in_and_probabilities_out(backbone, random_head) -> None:
    model = build_classifier(backbone, random_head(*EARLY, classes=5))
    (taken,), (given_back,) = model.graph.input, model.graph.output
    assert taken.type.tensor_type.elem_type == TensorProto.UINT8
    assert given_back.name == "probabilities"
    assert given_back.type.tensor_type.shape.dim[1].dim_value == 5
    assert given_back.type.tensor_type.shape.dim[0].dim_param


def test_the_backbone_it_was_built_from_is_left_as_it_was(backbone, random_head) -> None:
    before = backbone.SerializeToString(deterministic=True)
    build_classifier(backbone, random_head(*EARLY))
    assert backbone.SerializeToString(deterministic=True) == before


def test_split_weights_are_the_same_numbers_under_the_same_names(backbone, random_head) -> None:
    head = random_head(*EARLY)
    model = build_classifier(backbone, head)
    whole = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    graph, weights = split_weights(model, "weights.safetensors")
    tensors = load_safetensors(weights)
    assert {"head.weight", "network.conv_stem.weight"} <= tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, whole[name])
    np.testing.assert_allclose(tensors["head.weight"] * head.temperature, head.weight, rtol=1e-6)
    inside = onnx.load_model_from_string(graph).graph.initializer
    assert all(tensor.name not in tensors or not tensor.raw_data for tensor in inside)
    assert len(weights) < 1.1 * sum(array.nbytes for array in whole.values())


def test_tensors_of_integers_stay_in_the_graph() -> None:
    table = numpy_helper.from_array(np.arange(100), "table")
    node = helper.make_node("Gather", ["table", "index"], ["found"])
    index = helper.make_tensor_value_info("index", TensorProto.INT64, [1])
    found = helper.make_tensor_value_info("found", TensorProto.INT64, [1])
    model = helper.make_model(helper.make_graph([node], "g", [index], [found], [table]))
    graph, weights = split_weights(model, "w")
    assert load_safetensors(weights) == {}
    kept = onnx.load_model_from_string(graph).graph.initializer[0]
    np.testing.assert_array_equal(numpy_helper.to_array(kept), np.arange(100))


@given(st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=5))
def test_packed_tensors_are_read_by_the_safetensors_library(shapes: list[list[int]]) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        f"tensor é {n}": rng.normal(size=shape).astype(np.float32) for n, shape in enumerate(shapes)
    }
    content, offsets = pack_safetensors(arrays)
    read = load_safetensors(content)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        found = np.frombuffer(content, "<f4", count=array.size, offset=offsets[name])
        np.testing.assert_array_equal(found, array.ravel())
