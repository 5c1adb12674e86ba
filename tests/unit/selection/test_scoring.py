from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.config import HeadConfig
from headstart.features.table import ArrayFeatures
from headstart.heads.probe import ProbeTask, predict_held_out
from headstart.selection.scoring import BackboneScores, score_backbone

LAYOUT = FeatureLayout(
    (
        FeatureBlock("blocks.1", "mean", 8),
        FeatureBlock("final", "mean", 12),
        FeatureBlock("classifier", "logits", 5),
    )
)


def task(spread: float, *, images: int = 120) -> ProbeTask:
    rng = np.random.default_rng(0)
    targets = np.arange(images) % 3
    features = rng.normal(size=(3, LAYOUT.dim))[targets] + spread * rng.normal(
        size=(images, LAYOUT.dim)
    )
    names = ("cat", "dog", "eel")
    table = ArrayFeatures(features.astype(np.float16))
    return ProbeTask(table, LAYOUT, targets, list(range(images)), names)


def test_better_features_score_higher_everywhere() -> None:
    good, bad = (score_backbone(task(spread), HeadConfig(), seed=0) for spread in (0.3, 3.0))
    assert good.linear.value > bad.linear.value
    assert good.knn.value > bad.knn.value
    assert good.log_evidence > bad.log_evidence
    assert good.h_score > bad.h_score
    assert good.shrunk_h_score > bad.shrunk_h_score


def test_the_accuracy_is_that_of_the_held_out_predictions() -> None:
    scores = score_backbone(task(2.0), HeadConfig(taps="final"), seed=0)
    assert scores.taps == "final"
    assert scores.right.shape == (120,)
    assert scores.linear.value == scores.right.mean()
    assert scores.linear.low < scores.linear.value < scores.linear.high


def test_noise_is_told_no_better_than_by_chance() -> None:
    noise = task(2.0)
    targets = np.random.default_rng(1).integers(0, 3, 120)
    scores = score_backbone(ProbeTask(**{**vars(noise), "targets": targets}), HeadConfig(), seed=0)
    assert scores.linear.value == pytest.approx(1 / 3, abs=0.13)
    assert scores.knn.value == pytest.approx(1 / 3, abs=0.13)


def test_scores_survive_being_written() -> None:
    scores = score_backbone(task(1.0), HeadConfig(), seed=0)
    again = BackboneScores.from_json(json.loads(json.dumps(scores.to_json())))
    assert again.to_json() == scores.to_json()
    assert (again.right == scores.right).all()


def test_two_sets_of_features_are_judged_on_the_same_folds() -> None:
    one = predict_held_out(task(0.5), HeadConfig(), seed=0, folds=4)
    other = predict_held_out(task(3.0), HeadConfig(), seed=0, folds=4)
    assert (one.rows == other.rows).all()
    assert one.logits.shape == (120, 3)
    assert one.candidate.accuracy == (one.logits.argmax(1) == task(0.5).targets[one.rows]).mean()
