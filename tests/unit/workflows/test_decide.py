"""Another decision for a finished run: a bundle beside its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from headstart.bundle import load_bundle
from headstart.bundle.loading import file_digest
from headstart.bundle.sealing import write_sealed
from headstart.config import TrainConfig
from headstart.errors import BundleError, ConfigError, DataError
from headstart.files import write_csv
from headstart.serving.predictor import load
from headstart.workflows.decide import decide
from headstart.workflows.stored_answers import read_answers
from headstart.workflows.train import train

CLASSES = ["cat", "dog", "eel"]


def write_stored(path: Path, *, n: int, seed: int) -> None:
    """Write answers that are as sure as they should be: the surer, the more often right."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        sure = 1 - 0.6 * rng.beta(0.6, 2)
        true = int(rng.integers(3))
        said = true if rng.random() < sure else (true + 1) % 3
        shares = np.full(3, (1 - sure) / 2)
        shares[said] = sure
        named = [f"{number}.png", CLASSES[true], CLASSES[said], f"{sure:.6f}", "ok", "", "0"]
        rows.append([*named, *(f"{share:.6f}" for share in shares)])
    facts = ["path", "true_label", "label", "confidence", "status", "error", "digest"]
    write_csv(path, [*facts, *map("prob_{}".format, CLASSES)], rows)


@pytest.fixture
def run(finished: Any, tmp_path: Path) -> Path:
    """A finished run whose stored answers are many, and not all right."""
    folder = Path(shutil.copytree(finished.result.folder, tmp_path / "run"))
    write_stored(folder / "validation.csv", n=600, seed=0)
    write_stored(folder / "predictions.csv", n=300, seed=1)
    return folder


def test_a_precision_is_chosen_on_held_out_answers_and_judged_on_the_test(run: Path) -> None:
    own = (run / "bundle" / "bundle.json").read_bytes()
    result = decide(run, config={"reject": "precision=0.9"})
    assert result.folder == run / "bundle-decided"
    found = load_bundle(result.folder).info
    assert found == result.info
    assert found.decision is not None
    record = found.decision.reject
    assert record is not None
    assert record.validation["n"] == 600
    assert record.validation["precision"]["value"] >= 0.9
    assert found.decision.test["n"] == 300
    assert result.figures is not None
    answers = read_answers(run)
    assert answers.probabilities is not None
    given = answers.probabilities.max(axis=1) >= record.threshold
    assert result.figures.answers.answered == given.sum()
    right = np.array(answers.said)[given] == np.array(answers.labels)[given]
    assert result.figures.answers.precision.value == pytest.approx(right.mean())
    assert (run / "bundle" / "bundle.json").read_bytes() == own
    assert decide(run / "bundle", config={"reject": "coverage=0.5"}).folder.name.endswith("-2")


def test_the_choice_never_sees_the_test_answers(run: Path) -> None:
    first = decide(run, config={"reject": "precision=0.9"}).info.decision
    write_stored(run / "predictions.csv", n=200, seed=7)
    second = decide(run, config={"reject": "precision=0.9"}).info.decision
    assert first is not None
    assert second is not None
    assert first.reject == second.reject
    assert first.test != second.test


def test_what_no_threshold_reaches_is_said_and_nothing_written(run: Path) -> None:
    with pytest.raises(DataError, match=r"no threshold reaches precision 0\.999 .* No bundle"):
        decide(run, config={"reject": "precision=0.999"})
    assert not list(run.glob("*bundle-*"))


def test_priors_and_costs_change_what_the_bundle_says_of_the_test(run: Path) -> None:
    own = load_bundle(run).info
    assert own.training_priors == pytest.approx(dict.fromkeys(CLASSES, 1 / 3))
    costs = {"eel": 50.0}
    given = {"priors": "cat=0.8,dog=0.1,eel=0.1", "costs": costs, "reject": "coverage=0.6"}
    result = decide(run, config=given, out=run.parent / "deployed")
    found = load_bundle(run.parent / "deployed").info.decision
    assert found is not None
    assert found.priors == pytest.approx({"cat": 0.8, "dog": 0.1, "eel": 0.1})
    assert found.costs == ((0, 1, 1), (1, 0, 1), (50, 50, 0))
    assert result.info.test != own.test
    assert result.figures is not None
    assert result.figures.cost is not None
    assert result.figures.plain_cost is not None
    assert result.figures.cost.value < result.figures.plain_cost.value
    again = decide(run.parent / "deployed", config={"costs": costs})  # a bundle alone
    assert again.figures is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing to decide"),
        ({"priors": "estimate"}, "go with predict and evaluate"),
        ({"priors": "cat=1"}, "nothing is said of dog, eel"),
    ],
)
def test_a_decision_that_is_none_is_refused(run: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        decide(run, config=given)


def test_a_threshold_needs_the_runs_answers(run: Path) -> None:
    alone = Path(shutil.copytree(run / "bundle", run.parent / "alone"))
    with pytest.raises(DataError, match="give the run's folder"):
        decide(alone, config={"reject": "coverage=0.5"})
    write_csv(run / "validation.csv", ["path", "true_label", "label"], [["a", "cat", "cat"]])
    with pytest.raises(DataError, match="no probability of each class"):
        decide(run, config={"reject": "coverage=0.5"})
    with pytest.raises(BundleError, match="no bundle at"):
        decide(run / "gone", config={"costs": "cat=2"})


def test_answers_of_another_network_are_not_this_bundles(run: Path) -> None:
    other = Path(shutil.copytree(run / "bundle", run / "bundle-other"))
    graph = onnx.load(other / "graph.onnx", load_external_data=False)
    graph.doc_string = "another"
    onnx.save(graph, other / "graph.onnx")
    info = load_bundle(run).info
    files = info.files | {"graph.onnx": file_digest(other / "graph.onnx")}
    write_sealed(other, info.model_copy(update={"files": files}))
    with pytest.raises(DataError, match="not in a run that has them"):
        decide(other, config={"reject": "coverage=0.5"})
    result = decide(other, config={"costs": "cat=2"})
    assert result.figures is None


@pytest.fixture(scope="module")
def careful(finished: Any, config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The finished run again, trained with a decision."""
    wanted = config.model_dump() | {
        "decision": {"reject": {"coverage": 0.5}, "priors": "cat=2,dog=1,eel=1"}
    }
    out = tmp_path_factory.mktemp("careful") / "run"
    return train(finished.photos, config=wanted, out=out, cache=finished.cache)


def test_a_decision_of_the_settings_is_in_all_that_a_run_leaves(careful: Any) -> None:
    metrics = json.loads((careful.folder / "metrics.json").read_text())
    assert metrics["decision"]["reject"]["share"] == 0.5
    assert metrics["decision"]["test"] == careful.decision.to_json()
    assert any("are 'unknown', for coverage 0.5" in note for note in careful.notes)
    threshold = metrics["decision"]["reject"]["threshold"]
    for row in (careful.folder / "predictions.csv").read_text().splitlines()[1:]:
        _, _, label, confidence, status, *_ = row.split(",")
        assert label in CLASSES
        assert status == ("ok" if float(confidence) >= threshold else "unknown")
    held_out = read_answers(careful.folder / "validation.csv")
    assert len(held_out) == 33
    curve = (careful.folder / "risk_coverage.csv").read_text().splitlines()
    assert curve[0].startswith("threshold,answered,coverage,risk")
    assert (careful.folder / "plots" / "risk_coverage.png").exists()
    assert "get an answer" in (careful.folder / "report.html").read_text()


def test_the_same_wish_made_later_is_the_same_decision(careful: Any, tmp_path: Path) -> None:
    given = {"reject": "coverage=0.5", "priors": {"cat": 2, "dog": 1, "eel": 1}}
    later = decide(careful.folder, config=given, out=tmp_path / "later").info.decision
    own = load_bundle(careful.folder).info.decision
    assert own is not None
    assert later is not None
    assert later.reject == own.reject
    assert later.test["answered"] == own.test["answered"]


def test_the_bundle_answers_as_the_run_says(careful: Any, finished: Any) -> None:
    predictor = load(careful.folder, precision="f32")
    stored = read_answers(careful.folder)
    found = predictor.predict_proba([finished.photos / path for path in stored.paths])
    assert stored.probabilities is not None
    np.testing.assert_allclose(found, stored.probabilities, atol=0.05)
