"""Several classifiers in one graph: what they share is there once, the answers are theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import BundleError, HeadstartError
from headstart.evaluation.calibration import softmax
from headstart.evaluation.pooling import METHODS, Method, Pool
from headstart.export.classifier_graph import build_classifier
from headstart.export.joined_graph import Member, join_graphs
from headstart.export.views import find_views

K = 3
WEIGHTS = np.array([0.7, 0.3])


def small(side: int, seed: int = 0) -> ModelProto:
    """Return a classifier of the mean colour of a square."""
    rng = np.random.default_rng(seed)
    tensors = {"w": rng.normal(size=(3, K)) / 40, "b": rng.normal(size=K)}
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["values"], ["means"], axes=[1, 2], keepdims=0),
            helper.make_node("Gemm", ["means", "w", "b"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", side, side, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", K])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def placed(side: int) -> ModelProto:
    """Return a classifier of all pixels of a square, each with weights of its own."""
    model = small(side)
    rng = np.random.default_rng(5)
    weight = (rng.normal(size=(side * side * 3, K)) / 900).astype(np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    model.graph.node[1].CopyFrom(helper.make_node("Flatten", ["values"], ["means"]))
    return model


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[ModelProto, np.ndarray], np.ndarray]:
    """``ask(model, pixels)``: its answers."""

    def answers(model: ModelProto, pixels: np.ndarray) -> np.ndarray:
        path = tmp_path / "asked.onnx"
        onnx.save(model, path)
        return next(OpenVinoEngine(path, precision="f32").stream([pixels]))

    return answers


@pytest.fixture
def pixels(picture) -> np.ndarray:
    return np.stack([picture(seed, size=(12, 12)) for seed in range(8)])


@pytest.mark.parametrize("method", METHODS)
def test_it_answers_as_the_members_together(ask, pixels, method: Method) -> None:
    biases = np.array([0.3, 0.0, -0.3]) * (method == "stacked")
    pool = Pool(method, WEIGHTS, biases, temperature=0.8)
    models = [small(12, seed) for seed in (0, 1)]
    expected = pool.probabilities(np.stack([ask(model, pixels) for model in models]))
    joined = join_graphs([Member(model, 12) for model in models], pool)
    np.testing.assert_allclose(ask(joined, pixels), expected, atol=1e-5)
    assert expected.std(axis=0).max() > 1e-2


def test_heads_on_one_backbone_share_it(lite0_graph, random_head, ask, picture) -> None:
    backbone = onnx.load(lite0_graph.path)
    early, later = ("blocks.1/mean", "blocks.1/std"), ("blocks.2/mean", "blocks.1/mean")
    models = [build_classifier(backbone, random_head(*outputs)) for outputs in (early, later)]
    joined = join_graphs([Member(m, 96) for m in models], Pool("average", WEIGHTS, np.zeros(K)))
    convolutions = [sum(n.op_type == "Conv" for n in m.graph.node) for m in (*models, joined)]
    assert convolutions[2] == max(convolutions[:2])
    pixels = np.stack([picture(seed, size=(96, 96)) for seed in range(4)])
    mean = np.tensordot(WEIGHTS, np.stack([ask(model, pixels) for model in models]), 1)
    np.testing.assert_allclose(ask(joined, pixels), mean, atol=1e-4)


def test_smaller_squares_are_made_inside(ask, pixels) -> None:
    """A mean colour hardly changes with the size, but a graph of fixed size would refuse."""
    models = small(12, 0), small(8, 1)
    pool = Pool("average", WEIGHTS, np.zeros(K))
    joined = join_graphs([Member(models[1], 8), Member(models[0], 12)], pool)
    whole = np.stack([ask(small(12, 1), pixels), ask(models[0], pixels)])
    np.testing.assert_allclose(ask(joined, pixels), np.tensordot(WEIGHTS, whole, 1), atol=0.02)


@pytest.mark.parametrize(
    "name", ["mirror", "flip", "zoom", "zoom:0.6", "wide", "wide:1.5", "corners", "corners:0.5"]
)
def test_other_views_of_a_square_are_made_inside(ask, pixels, name: str) -> None:
    """A classifier that sees where colours are, shown the square as it is and otherwise."""
    model, views = placed(12), (None, *find_views(name))
    shares = np.linspace(1, 2, len(views)) / np.linspace(1, 2, len(views)).sum()
    joined = join_graphs(
        [Member(model, 12, view) for view in views], Pool("average", shares, np.zeros(K))
    )
    looks = [[view.apply(square) if view else square for square in pixels] for view in views]
    apart = np.stack([ask(model, np.stack(look)) for look in looks])
    assert all(np.abs(apart[0] - seen).max() > 0.02 for seen in apart[1:])
    np.testing.assert_allclose(ask(joined, pixels), np.tensordot(shares, apart, 1), atol=0.01)
    assert sum(tensor.name.endswith("w") for tensor in joined.graph.initializer) == 1


def test_corners_are_where_they_are_called() -> None:
    square = np.zeros((12, 12, 3), np.uint8)
    square[:6, 6:] = 255
    bright = {view.name: view.apply(square).mean() for view in find_views("corners:0.5")}
    assert max(bright, key=lambda name: bright[name]) == "corners:0.5:top-right"


def test_a_wide_look_carries_the_border_on() -> None:
    (view,) = find_views("wide:1.5")
    square = np.full((12, 12, 3), 90, np.uint8)
    assert (view.apply(square) == 90).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("miror", "did you mean mirror"),
        ("zoom:2", "from 0.3 to 0.99, such as zoom:0.875"),
        ("wide:0.9", "from 1.01 to 2"),
        ("corners:half", "such as corners:0.875"),
        ("mirror:0.5", "mirror takes no share"),
    ],
)
def test_a_view_that_cannot_be_is_refused(name: str, words: str) -> None:
    with pytest.raises(HeadstartError, match=words):
        find_views(name)


def test_graphs_of_other_versions_are_refused() -> None:
    other = small(12)
    other.opset_import[0].version = 18
    pool = Pool("average", WEIGHTS, np.zeros(K))
    with pytest.raises(BundleError, match="different versions of ONNX"):
        join_graphs([Member(small(12), 12), Member(other, 12)], pool)


def test_a_name_that_is_taken_twice_stays_apart(ask, pixels) -> None:
    models = [small(12, seed) for seed in (0, 1, 2)]
    pool = Pool("average", np.full(3, 1 / 3), np.zeros(K))
    joined = join_graphs([Member(model, 12) for model in models], pool)
    names = [tensor.name for tensor in joined.graph.initializer]
    assert len(names) == len(set(names))
    assert "member.2.w" in names
    assert sum(node.op_type == "ReduceMean" for node in joined.graph.node) == 1
    shares = ask(joined, pixels)
    np.testing.assert_allclose(shares, softmax(np.log(shares)), atol=1e-6)
