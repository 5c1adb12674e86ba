"""Predicting and judging with another decision than the bundle's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.errors import ConfigError
from headstart.evaluation.decision import DecisionRule
from headstart.progress import Silent
from headstart.serving.predictor import load
from headstart.workflows.evaluate import evaluate
from headstart.workflows.predict import predict, table_rows

SKEWED = "cat=0.98,dog=0.01,eel=0.01"


class Listener(Silent):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, message: str) -> None:
        self.heard.append(message)


@pytest.fixture(scope="module")
def predictor(finished: Any) -> Any:
    return load(finished.result.folder)


@pytest.fixture(scope="module")
def careful(predictor: Any) -> Any:
    """The same, with a threshold that nothing reaches."""
    return predictor.deciding(DecisionRule(trained=predictor.rule.trained, threshold=1.1))


def test_priors_move_the_probabilities(predictor: Any, finished: Any) -> None:
    images = [finished.photos / "dog"]
    plain = np.stack([p.probabilities for p in predict(predictor, images)])
    moved = np.stack([p.probabilities for p in predict(predictor, images, priors=SKEWED)])
    expected = plain * [0.98, 0.01, 0.01]
    np.testing.assert_allclose(moved, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)


def test_unknown_is_a_status_beside_the_class_and_can_be_left_out(
    careful: Any, finished: Any, tmp_path: Path
) -> None:
    images, listener = [finished.photos / "cat"], Listener()
    rows = predict(careful, images, out=tmp_path / "p.csv", progress=listener)
    assert {row.status for row in rows} == {"unknown"}
    first = (tmp_path / "p.csv").read_text().splitlines()[1].split(",")
    assert first[1] in {"cat", "dog", "eel"}
    assert float(first[2]) > 0.3
    assert first[3] == "unknown"
    assert listener.heard == []
    assert {row.status for row in predict(careful, images, answer_all=True)} == {"ok"}


def test_with_costs_the_runners_up_are_the_others_by_probability(
    predictor: Any, finished: Any
) -> None:
    found = predict(predictor, [finished.photos / "cat" / "0.png"], costs="eel=1e9", top_k=3)
    (row,) = table_rows(found, predictor, top_k=3, probabilities=False)
    assert row[1] == "eel"
    assert {row[1], row[5], row[7]} == {"cat", "dog", "eel"}
    assert float(row[6]) >= float(row[8])


def test_priors_can_come_from_the_images(predictor: Any, finished: Any, tmp_path: Path) -> None:
    listener = Listener()
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    images = [finished.photos / "dog", bad]
    found = predict(predictor, images, priors="estimate", progress=listener)
    assert listener.heard[0].startswith("priors estimated from 12 images [95 % interval]")
    assert listener.heard[1].split()[0] == "dog"
    assert float(listener.heard[1].split()[1]) > 0.5
    assert [row.status for row in found] == ["ok"] * 12 + ["error"]
    plain = predict(predictor, images)
    assert all(
        new.probabilities[1] > old.probabilities[1] - 1e-6
        for new, old in zip(found[:-1], plain[:-1], strict=True)
    )


def test_nothing_readable_leaves_nothing_to_estimate_from(predictor: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    assert predict(predictor, [bad], priors="estimate")[0].status == "error"


def test_a_threshold_under_other_priors_is_warned_of(careful: Any, finished: Any) -> None:
    listener = Listener()
    predict(careful, [finished.photos / "cat" / "0.png"], priors=SKEWED, progress=listener)
    assert "what it reaches under others is not known" in listener.heard[0]


def test_an_older_bundle_cannot_change_its_priors(predictor: Any, finished: Any) -> None:
    older = predictor.deciding(DecisionRule())
    images = [finished.photos / "cat" / "0.png"]
    for priors in (SKEWED, "estimate"):
        with pytest.raises(ConfigError, match="does not say which priors"):
            predict(older, images, priors=priors)
    assert predict(older, images, priors="training")[0].status == "ok"


def test_a_judgement_goes_by_the_decision(
    predictor: Any, careful: Any, finished: Any, tmp_path: Path
) -> None:
    plain = evaluate(predictor, finished.photos)
    assert plain.decision is None
    unsure = evaluate(careful, finished.photos, out=tmp_path / "judged")
    assert unsure.judgement.metrics == plain.judgement.metrics
    assert unsure.decision is not None
    assert (unsure.decision.answers.n, unsure.decision.answers.answered) == (36, 0)
    assert '"answered": 0' in (tmp_path / "judged" / "metrics.json").read_text()
    dear = evaluate(predictor, finished.photos, costs="eel=1e9")
    assert [score.predicted for score in dear.judgement.per_class] == [0, 0, 36]
    assert dear.judgement.metrics["accuracy"].value == pytest.approx(1 / 3)
    assert dear.decision is not None
    assert dear.decision.cost is not None
