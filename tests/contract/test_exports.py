"""What every kind of head promises in every format; a new head, or format, is tested for free."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest

from headstart.backbones.graph import BackboneGraph
from headstart.config.schema import Activation
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.evaluation.pooling import METHODS, Method, Pool
from headstart.export.classifier_graph import build_classifier
from headstart.export.formats import FORMATS, engine_of, write_format
from headstart.export.head_graphs import HEAD_KINDS
from headstart.export.joined_graph import Member, join_graphs
from headstart.export.parity import FLOAT_LIMIT
from headstart.export.views import VIEWS, find_views
from headstart.heads.base import Head
from headstart.heads.dense import DenseHead
from headstart.heads.ensemble import EnsembleHead
from headstart.heads.kernel import KernelHead
from headstart.heads.knn import NeighbourHead, Votes, unit
from headstart.heads.linear import LinearHead
from headstart.heads.projected import Axes

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
OUTPUTS, WIDTH, CLASSES = ("early/mean", "final/mean"), 24, ("x", "y", "z")
IMAGES = 5


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def axes() -> Axes:
    return Axes("all", OUTPUTS, numbers(WIDTH, 4, seed=2) / 4, numbers(4, seed=3) / 9)


def dense(activation: Activation) -> DenseHead:
    weights = numbers(WIDTH, 6) / 4, numbers(6, 7, seed=1), numbers(7, 3, seed=2)
    biases = numbers(6), numbers(7, seed=1), numbers(3, seed=2)
    return DenseHead(CLASSES, "all", OUTPUTS, weights, biases, activation, 2.5)


def neighbours(weights: str) -> NeighbourHead:
    counts = np.array([1.0, 2.0, 0.5], dtype=np.float32)
    votes = Votes(4, weights)  # type: ignore[arg-type]
    return NeighbourHead(
        CLASSES, axes(), unit(numbers(20, 4)), np.arange(20) % 3, counts, votes, 1.5
    )


KERNEL = KernelHead(CLASSES, axes(), numbers(8, 4), numbers(8, 3), numbers(3), 0.05, 0.3)
LINEAR = LinearHead(CLASSES, "all", OUTPUTS, numbers(WIDTH, 3) / 4, numbers(3), 1.5)
EARLY = LinearHead(CLASSES, "early", OUTPUTS[:1], numbers(8, 3, seed=8), numbers(3), 0.7)
HEADS: dict[str, Head] = {
    "linear": LINEAR,
    **{name: dense(name) for name in get_args(Activation)},
    "svm": KERNEL,
    "knn by distance": neighbours("distance"),
    "knn uniform": neighbours("uniform"),
    "folds": EnsembleHead((EARLY, LINEAR, KERNEL, neighbours("distance"))),
}
EXPENSIVE = {"coreml", "litert"}
"""Formats whose converters take a second a graph, and some to load."""


def of(kind: str) -> pytest.MarkDecorator:
    """Every format, of some kind of classifier."""
    cases = []
    for name, chosen in FORMATS.items():
        missing = [it for it in {**chosen.needs, **chosen.runs_with} if find_spec(it) is None]
        marks = [pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")]
        marks += [pytest.mark.slow] if name in EXPENSIVE else []
        cases.append(pytest.param(name, marks=marks, id=f"{kind}-{name}"))
    return pytest.mark.parametrize("format_name", cases)


@pytest.fixture(scope="module")
def pixels(picture, tiny_graph: BackboneGraph) -> np.ndarray:
    side = tiny_graph.size_px
    tints = [(90 * step, 0, -90 * step) for step in range(-2, 3)]
    return np.stack([picture(n, size=(side, side), tint=it) for n, it in enumerate(tints)])


Prove = Callable[..., None]


@pytest.fixture
def prove(tmp_path: Path, pixels: np.ndarray, write_tiny) -> Prove:
    """``prove(head, format, model=None)``: it tells images apart, and answers alike in a format."""

    def check(head: Head, name: str, model: onnx.ModelProto | None = None) -> None:
        bundle = write_tiny(tmp_path / "bundle", head, model)
        expected = next(OpenVinoEngine(bundle.graph, precision="f32").stream([pixels]))
        path = write_format(FORMATS[name], bundle, tmp_path)
        engine = engine_of(FORMATS[name], path, bundle)
        for count in (IMAGES, 1):
            found = next(engine.stream([pixels[:count]]))
            assert np.abs(found - expected[:count]).max() <= FLOAT_LIMIT
        assert expected.std(axis=0).max() > 0.01

    return check


def test_every_kind_of_head_is_here() -> None:
    assert {type(head) for head in HEADS.values()} == set(HEAD_KINDS)


@of("head")
@pytest.mark.parametrize("head", HEADS)
def test_every_head_answers_alike(head: str, format_name: str, prove: Prove) -> None:
    prove(HEADS[head], format_name)


@of("joined")
@pytest.mark.parametrize("method", METHODS)
def test_views_and_other_sizes_inside_a_graph_answer_alike(
    method: Method, format_name: str, tiny_graph, prove: Prove
) -> None:
    """Two heads, one on smaller squares, one that looks at every view."""
    backbone = onnx.load(tiny_graph.path)
    one, other = (build_classifier(backbone, head) for head in (LINEAR, dense("silu")))
    side = tiny_graph.size_px
    smaller = build_classifier(_for_size(backbone, side - 6), EARLY)
    members = [Member(one, side), Member(smaller, side - 6)]
    members += [Member(other, side, view) for name in VIEWS for view in find_views(name)]
    pool = Pool(method, np.full(len(members), 1 / len(members)), np.zeros(3), 4.0)
    prove(LINEAR, format_name, join_graphs(members, pool))


def _for_size(model: onnx.ModelProto, side: int) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for axis in (1, 2):
        changed.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    return changed
