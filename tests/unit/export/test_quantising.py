"""Which parts of a graph are computed in eight bits, and that folding changes no answer."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import build_module, write_module
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.evaluation.pooling import Pool
from headstart.export.classifier_graph import build_classifier
from headstart.export.joined_graph import Member, join_graphs
from headstart.export.quantising import float_nodes, fold_batch_norms, quantise
from headstart.export.views import find_views
from headstart.heads.linear import LinearHead


@pytest.fixture
def model(tiny_graph) -> onnx.ModelProto:
    weight = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    outputs = ("early/mean", "final/mean")
    head = LinearHead(("x", "y", "z"), "all", outputs, weight, np.zeros(3, np.float32), 2.0)
    return build_classifier(onnx.load(tiny_graph.path), head)


def kinds(graph: onnx.GraphProto, *, in_float: bool) -> set[str]:
    for place, node in enumerate(graph.node):
        node.name = f"node.{place}"
    names = set(float_nodes(graph))
    return {node.op_type for node in graph.node if (node.name in names) is in_float}


def test_pooled_statistics_and_the_head_stay_in_float(model) -> None:
    assert kinds(model.graph, in_float=True) == {"Relu", "ReduceMean", "Concat", "Gemm", "Softmax"}
    assert {"Conv", "Clip", "Add"} <= kinds(model.graph, in_float=False)


def test_squares_made_inside_and_joined_answers_stay_in_float(model) -> None:
    members = [Member(model, 24), Member(model, 24, *find_views("zoom"))]
    joined = join_graphs(members, Pool("stacked", np.ones(2), np.zeros(3))).graph
    assert {"MatMul", "Round", "Gemm", "Log", "Softmax"} <= kinds(joined, in_float=True)
    assert not kinds(joined, in_float=False) & {"MatMul", "Round", "Gemm", "Log", "Softmax"}
    assert sum(node.op_type == "Conv" for node in joined.node) == 6


def test_folded_batch_norms_change_no_answer(model, picture) -> None:
    folded = fold_batch_norms(model)
    assert "BatchNormalization" not in {node.op_type for node in folded.graph.node}
    given = {"pixels": np.stack([picture(seed, size=(24, 24)) for seed in range(3)])}
    (one,), (other,) = (ReferenceEvaluator(it).run(None, given) for it in (model, folded))
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_a_transformer_in_int8_answers_much_as_it_does_in_float(tmp_path, photos) -> None:
    pytest.importorskip("nncf")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    spec = find_backbone("vit_tiny_patch16_224")
    module = build_module(spec, None, size_px=64).eval()
    graph = write_module(module, tmp_path, 64)
    (final,) = graph.layout.tap_sets()["final"]
    rng = np.random.default_rng(0)
    weight = (rng.normal(size=(192, 3)) / 14).astype(np.float32)
    head = LinearHead(("x", "y", "z"), "final", (final,), weight, np.zeros(3, np.float32), 1.0)
    model = build_classifier(onnx.load(graph.path), head)
    pixels = [load_pixels(photo, Geometry(size_px=64))[None] for photo in photos]
    answers = []
    for name, it in {"float": model, "int8": quantise(model, pixels)}.items():
        onnx.save(it, tmp_path / name)
        engine = OpenVinoEngine(tmp_path / name, precision="f32")
        answers.append(np.concatenate(list(engine.stream(pixels))))
    assert answers[0].std(axis=0).max() > 0.02
    assert 0 < np.abs(answers[0] - answers[1]).max() < 0.1
