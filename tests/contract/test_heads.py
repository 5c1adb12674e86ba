"""What every head promises; a new preset is tested for free."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import BackboneGraph, load_graph
from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.backbones.spec import FLAT
from headstart.config import HeadConfig
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.evaluation.calibration import softmax
from headstart.export.bundling import PARITY_LIMIT
from headstart.export.classifier_graph import build_classifier, split_weights
from headstart.features.table import ArrayFeatures
from headstart.heads.fitting import fit_head
from headstart.heads.presets import PRESETS, DenseSettings, find_preset
from headstart.heads.probe import ProbeFit, ProbeTask
from headstart.progress import Silent

WIDTH = 16
LAYOUT = FeatureLayout(
    (
        FeatureBlock("blocks.1", "mean", WIDTH),
        FeatureBlock("blocks.1", "std", WIDTH),
        FeatureBlock("final", "mean", WIDTH),
        FeatureBlock("final", "max", WIDTH),
        FeatureBlock("final", FLAT, 4 * WIDTH),
    )
)
SIDE_PX = 64
CHEAP = {"epochs": 15, "batch_size": 16}


@pytest.fixture(scope="module", params=[preset.name for preset in PRESETS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def task(classes: int = 3, per_class: int = 24, *, rare: int | None = None, seed: int = 0):
    """Noise around one centre a class; class 0 with fewer images where ``rare`` says so."""
    rng = np.random.default_rng(seed)
    targets = np.tile(np.arange(classes), per_class)
    if rare is not None:
        targets = np.concatenate([targets[targets != 0], np.zeros(rare, dtype=np.int64)])
    centres = np.random.default_rng(7).normal(size=(classes, LAYOUT.dim))
    features = rng.normal(size=(len(targets), LAYOUT.dim)) + centres[targets]
    names = tuple(f"class {number:03d}" for number in range(classes))
    table = ArrayFeatures(features.astype(np.float16))
    return ProbeTask(table, LAYOUT, targets, range(len(targets)), names)


def fit(given: ProbeTask, name: str, *, seed: int = 0, **settings: object) -> ProbeFit:
    config = HeadConfig(**{"name": name, **cheap(name), **settings})
    return fit_head(given, config, seed=seed, progress=Silent())


def cheap(name: str) -> dict[str, object]:
    preset = find_preset(name)
    if preset.kind is not DenseSettings:
        return {}
    return {**CHEAP, "learning_rate": 3e-3 if preset.settings["widths"] else 2e-2}


def probabilities(found: ProbeFit, given: ProbeTask) -> np.ndarray:
    rows = np.arange(len(given.targets))
    return softmax(found.head.logits(given.features, rows, given.layout), found.head.temperature)


@pytest.mark.parametrize("classes", [2, 12])
def test_it_learns_what_can_be_learnt(name: str, classes: int) -> None:
    found = fit(task(classes), name)
    unseen = task(classes, seed=1)
    answers = probabilities(found, unseen)
    assert answers.shape == (len(unseen.targets), classes)
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    assert (answers.argmax(axis=1) == unseen.targets).mean() > 0.8
    assert found.head.classes == unseen.classes
    assert found.head.outputs == LAYOUT.outputs_of(found.head.taps)


def test_it_says_how_it_was_chosen(name: str) -> None:
    given = task()
    found = fit(given, name)
    assert found.chosen in found.candidates
    assert found.chosen.taps == found.head.taps
    assert found.chosen.described in found.description
    assert found.held_out_logits.shape == (len(found.held_out_rows), 3)
    right = found.held_out_logits.argmax(axis=1) == given.targets[found.held_out_rows]
    assert right.mean() == pytest.approx(found.chosen.accuracy)
    assert (np.diff(found.held_out_rows) > 0).all()


def test_its_confidence_is_calibrated_on_held_out_images(name: str) -> None:
    rng = np.random.default_rng(0)
    given = task(per_class=70)
    lies = rng.random(len(given.targets)) < 0.3
    targets = np.where(lies, rng.integers(0, 3, len(lies)), given.targets)
    noisy = ProbeTask(given.features, LAYOUT, targets, given.groups, given.classes)
    found = fit(noisy, name)
    answers = softmax(found.held_out_logits, found.head.temperature)
    confidence = answers.max(axis=1).mean()
    accuracy = (answers.argmax(axis=1) == targets[found.held_out_rows]).mean()
    assert confidence == pytest.approx(accuracy, abs=0.12)


def test_the_same_seed_gives_the_same_head(name: str) -> None:
    given = task()
    first, second = (probabilities(fit(given, name, seed=3), given) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_balanced_weights_help_a_rare_class(name: str) -> None:
    given = task(2, 60, rare=8)
    noise = np.random.default_rng(5).normal(scale=3, size=given.features.array.shape)
    hard = ArrayFeatures((given.features.array + noise).astype(np.float16))
    crowded = ProbeTask(hard, LAYOUT, given.targets, given.groups, given.classes)
    plain, fair = (fit(crowded, name, class_weight=weight) for weight in (None, "balanced"))
    assert confidence_in(0, fair, crowded) > confidence_in(0, plain, crowded)


def confidence_in(label: int, found: ProbeFit, given: ProbeTask) -> float:
    """Mean probability that held-out images of a class are given for it."""
    answers = softmax(found.held_out_logits, found.head.temperature)
    return float(answers[given.targets[found.held_out_rows] == label, label].mean())


def test_rows_of_one_group_are_held_out_together(name: str) -> None:
    """Every image three times, labels at random: copies in training would look like skill."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(60, LAYOUT.dim)), 3, axis=0).astype(np.float16)
    targets = np.repeat(rng.integers(0, 2, 60), 3)
    groups = np.repeat(np.arange(60), 3).tolist()
    found = fit(ProbeTask(ArrayFeatures(features), LAYOUT, targets, groups, ("a", "b")), name)
    assert found.chosen.accuracy < 0.75


# The same answers from the bundle


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> BackboneGraph:
    cache = tmp_path_factory.mktemp("flat")
    spec = find_backbone("efficientnet_lite0")
    return load_graph(spec, size_px=SIDE_PX, cache=cache, flat=True)


@pytest.fixture(scope="module")
def pixels(picture: Callable[..., np.ndarray]) -> np.ndarray:
    side = (SIDE_PX, SIDE_PX)
    tints = [(60 * (number % 3), 0, -60 * (number % 3)) for number in range(48)]
    return np.stack([picture(n, size=side, tint=tint) for n, tint in enumerate(tints)])


def run(path: Path, pixels: np.ndarray, precision: str) -> np.ndarray:
    engine = OpenVinoEngine(path, precision=precision)
    batches = (pixels[start : start + 8] for start in range(0, len(pixels), 8))
    return np.concatenate(list(engine.stream(batches)))


@pytest.fixture(scope="module", params=["f32", "bf16"])
def featured(
    request: pytest.FixtureRequest, graph: BackboneGraph, pixels: np.ndarray
) -> tuple[str, ProbeTask]:
    """A precision, and what there is to learn from features computed in it."""
    features = run(graph.path, pixels, request.param).astype(np.float16)
    targets = np.arange(len(pixels)) % 3
    names = ("cat", "dog", "eel")
    given = ProbeTask(ArrayFeatures(features), graph.layout, targets, range(len(targets)), names)
    return request.param, given


def test_its_bundle_answers_as_it_does(
    graph: BackboneGraph,
    pixels: np.ndarray,
    name: str,
    featured: tuple[str, ProbeTask],
    tmp_path: Path,
) -> None:
    precision, given = featured
    found = fit(given, name)
    content, weights = split_weights(build_classifier(onnx.load(graph.path), found.head), "w")
    (tmp_path / "graph.onnx").write_bytes(content)
    (tmp_path / "w").write_bytes(weights)
    deployed = run(tmp_path / "graph.onnx", pixels, precision)
    limit = {"f32": 2e-3, "bf16": PARITY_LIMIT}[precision]
    np.testing.assert_allclose(deployed, probabilities(found, given), atol=limit)
    assert deployed.std(axis=0).max() > 0.05
