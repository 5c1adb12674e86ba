"""Nested folds judge the whole choice; their heads make one classifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from headstart.config import HeadConfig
from headstart.errors import DataError
from headstart.evaluation.calibration import softmax
from headstart.heads.cross_fit import fit_cross_validated, fit_folds, take_task
from headstart.heads.ensemble import EnsembleHead
from headstart.heads.fitting import fit_head
from headstart.progress import Silent

CONFIG = HeadConfig(folds=2, taps="all", strength=1e-3, cross_validate=3)


def test_each_fold_is_answered_by_a_head_that_never_saw_it(make_task: Any) -> None:
    task = make_task(per_class=12)
    folds = fit_folds(task, CONFIG, seed=0, progress=Silent())
    assert sorted(np.concatenate([fold.held for fold in folds]).tolist()) == list(range(36))
    first = folds[0]
    kept = np.setdiff1d(np.arange(36), first.held)
    alone = fit_head(take_task(task, kept), CONFIG, seed=0, progress=Silent()).head
    expected = alone.logits(task.features, first.held, task.layout) / alone.temperature
    np.testing.assert_allclose(first.logits, expected, atol=1e-6)


def test_groups_stay_together_and_classes_in_proportion(make_task: Any) -> None:
    task = make_task(per_class=12)
    grouped = replace(task, groups=[row // 4 for row in range(36)])
    for fold in fit_folds(grouped, CONFIG, seed=0, progress=Silent()):
        assert len(fold.held) == 12
        assert all(
            np.isin([4 * (r // 4) + k for k in range(4)], fold.held).all() for r in fold.held
        )
    for fold in fit_folds(task, CONFIG, seed=0, progress=Silent()):
        assert np.bincount(task.targets[fold.held]).tolist() == [4, 4, 4]


def test_validation_answers_are_those_of_the_folds(make_task: Any) -> None:
    task = make_task(per_class=12)
    fit = fit_cross_validated(task, CONFIG, seed=0, progress=Silent())
    whole = fit_head(task, CONFIG, seed=0, progress=Silent())
    np.testing.assert_array_equal(fit.head.weight, whole.head.weight)  # type: ignore[attr-defined]
    assert fit.held_out_rows.tolist() == list(range(36))
    fold = fit_folds(task, CONFIG, seed=0, progress=Silent())[0]
    said = softmax(fit.held_out_logits, fit.head.temperature)[fold.held]
    np.testing.assert_allclose(said, softmax(fold.logits), atol=1e-6)
    assert [figures.images for figures in fit.folds] == [12, 12, 12]
    shares = [figures.accuracy for figures in fit.folds]
    right = (fit.held_out_logits.argmax(1) == task.targets).mean()
    assert np.mean(shares) == pytest.approx(right)
    assert "3 folds, every choice made anew" in fit.notes[-1]


def test_an_ensemble_is_the_mean_of_its_heads(make_task: Any) -> None:
    task = make_task(per_class=12)
    config = CONFIG.model_copy(update={"ensemble": True, "taps": "auto"})
    fit = fit_cross_validated(task, config, seed=0, progress=Silent())
    head = fit.head
    assert isinstance(head, EnsembleHead)
    assert (len(head.members), head.temperature) == (3, 1.0)
    rows = np.arange(9)
    each = [
        softmax(m.logits(task.features, rows, task.layout), m.temperature) for m in head.members
    ]
    mean = softmax(head.logits(task.features, rows, task.layout))
    np.testing.assert_allclose(mean, np.mean(each, axis=0), atol=1e-9)
    assert set(head.taps.split("+")) == {member.taps for member in head.members}
    assert len(head.outputs) == len(set(head.outputs))
    assert fit.chosen.setting == "3 heads averaged"
    assert "one by one" in fit.notes[-1]


def test_one_group_cannot_be_divided(make_task: Any) -> None:
    task = replace(make_task(per_class=4), groups=["one"] * 12)
    with pytest.raises(DataError, match="one group"):
        fit_folds(task, CONFIG, seed=0, progress=Silent())
