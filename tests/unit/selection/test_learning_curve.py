"""Heads on growing draws of made-up features, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.config import HeadConfig
from headstart.errors import ConfigError, DataError
from headstart.evaluation import Estimate
from headstart.features.table import ArrayFeatures
from headstart.heads.probe import ProbeTask
from headstart.progress import Silent
from headstart.selection import learning_curve as module
from headstart.selection.curve_result import (
    CurveFacts,
    LearningCurve,
    class_growth,
    curve_laws,
    curve_points,
    half_of,
    last_step,
)
from headstart.selection.curve_words import details, headline
from headstart.selection.learning_curve import CurveAnswers, measure_curve

LAYOUT = FeatureLayout((FeatureBlock("final", "mean", 12),))
KNN = HeadConfig(name="knn", neighbours=3, folds=2)


def task(images: int = 200, classes: int = 3, signal: float = 0.6) -> ProbeTask:
    rng = np.random.default_rng(0)
    targets = np.arange(images) % classes
    features = rng.normal(size=(images, 12)) + signal * rng.normal(size=(classes, 12))[targets]
    names = tuple(f"class {number}" for number in range(classes))
    table = ArrayFeatures(features.astype(np.float16))
    return ProbeTask(table, LAYOUT, targets, [row // 2 for row in range(images)], names)


def measured(given: ProbeTask, head: HeadConfig = KNN, **options: Any) -> CurveAnswers:
    return measure_curve(
        given, head, seed=0, progress=Silent(), **{"sizes": [20, 40, 80, 160], **options}
    )


@pytest.fixture(scope="module")
def answers() -> CurveAnswers:
    return measured(task())


def test_more_images_more_right_answers(answers: CurveAnswers) -> None:
    shares = [right.mean() for right in answers.right]
    assert shares[-1] > shares[0] + 0.05
    assert answers.sizes == pytest.approx([20, 40, 80, 160], abs=1)
    assert [right.shape for right in answers.right] == [(3, 200), (2, 200), (1, 200), (1, 200)]
    assert sorted(set(answers.folds.tolist())) == [0, 1, 2, 3, 4]


def test_no_head_is_judged_on_what_it_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    given, fits = task(), []
    real = module._Judge.__call__

    def spy(judge: Any, fit: Any) -> Any:
        fits.append((judge.fold_of, fit))
        return real(judge, fit)

    monkeypatch.setattr(module._Judge, "__call__", spy)
    measured(given, sizes=[20, 160])
    for fold_of, fit in fits:
        held = {given.groups[row] for row in np.flatnonzero(fold_of == fit.fold)}
        assert held.isdisjoint(given.groups[row] for row in fit.rows)
        assert set(given.targets[fit.rows]) == {0, 1, 2}
    assert len(fits) == 5 * (3 + 1)


def test_the_same_seed_gives_the_same_curve(answers: CurveAnswers) -> None:
    again = measured(task())
    assert all((a == b).all() for a, b in zip(answers.right, again.right, strict=True))


@pytest.mark.parametrize(
    "head",
    [
        HeadConfig(name="linear", folds=2),
        HeadConfig(name="svm", C=1.0, folds=2),
        HeadConfig(name="gap-1024", widths=(16,), taps="final", epochs=20, folds=2),
    ],
)
def test_other_heads_cope_with_few_images(head: HeadConfig) -> None:
    found = measured(task(40, classes=5, signal=4.0), head, sizes=[12, 30])
    assert found.right[-1].mean() > 0.3


def test_very_many_images_are_judged_on_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ALL_FOLDS_ROWS", 100)
    monkeypatch.setattr(module, "_SIDE_BY_SIDE_ROWS", 50)
    found = measured(task())
    assert len(found.rows) == 40
    assert set(found.folds.tolist()) == {0}


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="expected two or more numbers"):
        measured(task(), sizes=[20, 190])
    with pytest.raises(DataError, match="too few for a learning curve"):
        measured(task(40), sizes=None)


def curve(answers: CurveAnswers, **changes: Any) -> LearningCurve:
    given = task()
    facts = CurveFacts(given.targets, given.groups, given.classes)
    half = half_of(answers.sizes.tolist())
    made = LearningCurve(
        source="photos",
        backbone="lite0",
        head="knn",
        geometry="squash",
        images=200,
        points=curve_points(answers),
        laws=curve_laws(answers, facts),
        half=half,
        last_step=last_step(answers, half),
        classes=class_growth(answers, facts, half),
        notes=("a note",),
        timings_s={"total": 1.0},
    )
    return replace(made, **changes)


def test_what_the_curve_says(answers: CurveAnswers) -> None:
    found = curve(answers)
    assert found.points[found.half].images == pytest.approx(80, abs=1)
    now, doubled, gain = found.now, found.doubled, found.gain
    assert now is not None
    assert doubled is not None
    assert gain is not None
    assert gain.value == pytest.approx(doubled.value - now.value, abs=1e-9)
    assert 0 <= gain.low <= gain.value <= gain.high
    assert [it.images for it in found.classes] == [67, 67, 66]
    content = json.loads(json.dumps(found.to_json()))
    assert content["headline"] == headline(found)
    assert content["expected"]["gain"] == gain.to_json()
    header, rows = found.table()
    assert len(rows) == 4 + 2
    assert {len(row) for row in rows} == {len(header)}
    assert [row[1] for row in rows] == ["measured"] * 4 + ["expected"] * 2
    header, rows = found.class_table()
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize(
    ("now", "gain", "words"),
    [
        (0.914, (0.015, 0.003, 0.028), "about 1.5 points (0.3 to 2.8): from 91.4 % with 200 to"),
        (0.99, (0.001, 0.0, 0.004), "next to nothing: 0.1 points (0.0 to 0.4), at 99.0 % now"),
        (0.9, (0.04, 0.001, 0.09), "cannot be said from these sizes: anything from 0.1 to 9.0"),
    ],
)
def test_the_gain_in_words(
    answers: CurveAnswers, monkeypatch: pytest.MonkeyPatch, now: float, gain: Any, words: str
) -> None:
    estimate = Estimate(*gain)
    after = Estimate(now + gain[0], now, 1.0)
    for name, value in {"now": Estimate(now, 0, 1), "doubled": after, "gain": estimate}.items():
        monkeypatch.setattr(LearningCurve, name, value)
    assert words in headline(curve(answers))


def test_too_few_sizes_say_so(answers: CurveAnswers) -> None:
    few = replace(answers, sizes=answers.sizes[1:], right=answers.right[1:])
    found = curve(few)
    assert found.laws is None
    assert (found.now, found.doubled, found.gain, found.can_be_said) == (None, None, None, False)
    assert "3 of them fit almost any curve" in headline(found)
    assert len(found.table()[1]) == 3


def test_the_last_step_and_the_classes_in_words(answers: CurveAnswers) -> None:
    grown = replace(answers, right=(*answers.right[:3], np.ones((1, 200), bool)))
    step, classes = details(curve(grown))
    assert step.startswith("Measured, from 80 to 160 training images accuracy rose by ")
    assert "chance" not in step
    assert classes.startswith("Still learning, by class: class ")
    same = replace(answers, right=(*answers.right[:3], answers.right[2]))
    step, classes = details(curve(same))
    assert "not more than chance explains" in step
    assert classes.startswith("No single class")
