"""Support vector machines: settings honoured, and exact against scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from headstart.config import HeadConfig
from headstart.heads import svm
from headstart.heads.fitting import fit_head
from headstart.heads.kernel import squared_distances
from headstart.progress import Silent


def fit(task: Any, name: str, **settings: object) -> Any:
    config = HeadConfig.model_validate({"name": name, "taps": "all", **settings})
    return fit_head(task, config, seed=0, progress=Silent())


def logits(found: Any, task: Any) -> np.ndarray:
    return found.head.logits(task.features, np.arange(len(task.targets)), task.layout)


def test_the_kernel_head_is_scikit_learns_machine(make_task: Any) -> None:
    task = make_task(classes=2, signal=0.5)
    found = fit(task, "svm-rbf", C=3.0, gamma=0.7)
    axes = found.head.axes
    points = task.features.array.astype(np.float64) @ axes.weight + axes.bias
    machine = SVC(C=3.0, gamma=0.7).fit(points, task.targets == 1)
    answers = logits(found, task)
    np.testing.assert_allclose(answers[:, 1], machine.decision_function(points), atol=0.01)
    np.testing.assert_allclose(answers[:, 0], -answers[:, 1], atol=0.01)
    assert len(found.head.support) == len(machine.support_)


def test_the_features_have_about_unit_variance_in_all(make_task: Any) -> None:
    """So that gamma 1 is what scikit-learn calls ``scale``."""
    task = make_task()
    axes = fit(task, "svm-rbf", C=1.0, gamma=1.0).head.axes
    points = task.features.array.astype(np.float64) @ axes.weight + axes.bias
    assert points.var(axis=0).sum() == pytest.approx(1, abs=0.15)


def test_what_is_given_is_not_searched(make_task: Any) -> None:
    assert [c.setting for c in fit(make_task(), "svm", C=0.5).candidates] == ["C 0.5"]
    settings = {c.setting for c in fit(make_task(), "svm-rbf", gamma=0.5).candidates}
    assert settings == {"C 1, gamma 0.5", "C 10, gamma 0.5", "C 100, gamma 0.5"}


def test_more_images_than_it_can_afford(make_task: Any, monkeypatch: Any) -> None:
    task = make_task(per_class=60)
    monkeypatch.setattr(svm, "_RBF_ROWS", 90)
    found = fit(task, "svm-rbf", C=10.0, gamma=1.0)
    assert found.notes == ("this head was fitted to 90 of 180 images, every class in proportion",)
    assert len(found.held_out_rows) == 90
    assert (np.bincount(task.targets[found.held_out_rows]) == 30).all()
    assert (logits(found, task).argmax(axis=1) == task.targets).mean() > 0.9
    assert fit(task, "svm", C=1.0).notes == ()


@pytest.mark.parametrize("name", ["svm", "svm-rbf"])
def test_a_class_that_a_fold_lacks_is_answered_no(make_task: Any, name: str) -> None:
    task = make_task(per_class=10)
    targets = np.where(task.targets == 2, 0, task.targets)
    targets[0] = 2  # one image: held out, its fold has none to learn from
    from dataclasses import replace

    found = fit(replace(task, targets=targets), name)
    assert np.isfinite(found.held_out_logits).all()
    assert found.held_out_logits[0].argmax() != 2


def test_squared_distances() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    expected = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(a, b), expected, rtol=1e-5)
    assert (np.diag(squared_distances(a, a)) >= 0).all()
