"""Every head's nodes compute what the head does, by ONNX's own reference evaluator."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.evaluation.calibration import softmax
from headstart.export.head_graphs import append_head
from headstart.features.table import ArrayFeatures
from headstart.heads.base import Head
from headstart.heads.dense import DenseHead
from headstart.heads.ensemble import EnsembleHead
from headstart.heads.kernel import KernelHead
from headstart.heads.knn import NeighbourHead, Votes, unit
from headstart.heads.linear import LinearHead
from headstart.heads.projected import Axes

OUTPUTS = ("a/mean", "b/mean")
LAYOUT = FeatureLayout((FeatureBlock("a", "mean", 5), FeatureBlock("b", "mean", 4)))
CLASSES = ("x", "y", "z")


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def axes() -> Axes:
    return Axes("all", OUTPUTS, numbers(9, 4, seed=2), numbers(4, seed=3))


def dense(activation: str) -> DenseHead:
    weights = numbers(9, 6), numbers(6, 7, seed=1), numbers(7, 3, seed=2)
    biases = numbers(6), numbers(7, seed=1), numbers(3, seed=2)
    return DenseHead(CLASSES, "all", OUTPUTS, weights, biases, activation, 2.5)  # type: ignore[arg-type]


def neighbours(weights: str) -> NeighbourHead:
    labels = np.arange(20) % 3
    counts = np.array([1.0, 2.0, 0.5], dtype=np.float32)
    votes = Votes(4, weights)  # type: ignore[arg-type]
    return NeighbourHead(CLASSES, axes(), unit(numbers(20, 4)), labels, counts, votes, 0.4)


HEADS: dict[str, Head] = {
    "linear": LinearHead(CLASSES, "all", OUTPUTS, numbers(9, 3), numbers(3), 1.5),
    **{name: dense(name) for name in ("relu", "gelu", "silu", "tanh")},
    "kernel": KernelHead(CLASSES, axes(), numbers(8, 4), numbers(8, 3), numbers(3), 0.05, 0.3),
    "knn distance": neighbours("distance"),
    "knn uniform": neighbours("uniform"),
}
FIRST = LinearHead(CLASSES, "first", OUTPUTS[:1], numbers(5, 3, seed=8), numbers(3), 0.7)
HEADS["ensemble"] = EnsembleHead((FIRST, *HEADS.values()))


def model_of(head: Head) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(block.output, TensorProto.FLOAT, ["n", block.channels])
        for block in LAYOUT.blocks
    ]
    out = helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", len(CLASSES)])
    graph = helper.make_graph([], "head", inputs, [out])
    append_head(graph, head, "p")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize("name", HEADS)
def test_the_graph_answers_as_the_head(name: str) -> None:
    head, features = HEADS[name], numbers(11, 9, seed=5)
    table = ArrayFeatures(features.astype(np.float16))
    expected = softmax(head.logits(table, np.arange(11), LAYOUT), head.temperature)
    given = features.astype(np.float16).astype(np.float32)
    (found,) = ReferenceEvaluator(model_of(head)).run(
        None, {"a/mean": given[:, :5], "b/mean": given[:, 5:]}
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(axis=0).max() > 0.01


@pytest.mark.parametrize("name", HEADS)
def test_every_tensor_is_named_for_the_head(name: str) -> None:
    tensors = [tensor.name for tensor in model_of(HEADS[name]).graph.initializer]
    assert tensors
    assert len(set(tensors)) == len(tensors)
    assert all(tensor.startswith("head.") for tensor in tensors)
