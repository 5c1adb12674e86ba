from __future__ import annotations

from typing import Any

import numpy as np

from headstart.heads.projected import fit_axes, fold_pairs, subset, take_rows


def points(task: Any, **settings: Any) -> np.ndarray:
    rows = np.arange(len(task.targets))
    axes = fit_axes(task, "all", rows, **{"rank": 64, "whitening": 0.0, "seed": 0, **settings})
    return axes.apply(task.features, rows, task.layout.columns(axes.outputs)).astype(np.float64)


def test_axes_are_centred_uncorrelated_and_in_order(make_task: Any) -> None:
    found = points(make_task(per_class=100))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    covariance = np.cov(found.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)
    assert (np.diff(np.diag(covariance)) < 1e-6).all()
    assert points(make_task(), rank=5).shape[1] == 5


def test_whitening_evens_the_axes_out(make_task: Any) -> None:
    plain, half, full = (points(make_task(), whitening=w).std(axis=0) for w in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(full / full[0], 1, rtol=1e-3)
    np.testing.assert_allclose(half / half[0], (plain / plain[0]) ** 0.5, rtol=1e-3)


def test_a_part_of_the_rows_keeps_every_class_in_proportion(make_task: Any) -> None:
    task = make_task(per_class=50)
    rows, note = take_rows(task, 31, seed=0)
    assert "31 of 150 images" in note
    assert (np.diff(rows) > 0).all()
    assert np.bincount(task.targets[rows]).min() >= 10
    everything, nothing = take_rows(task, 150, seed=0)
    assert nothing == ""
    assert everything.tolist() == list(range(150))


def test_a_draw_is_the_same_for_the_same_seed() -> None:
    rows = np.arange(100, 200)
    first = subset(rows, 10, seed=1)
    assert len(first) == 10
    np.testing.assert_array_equal(first, subset(rows, 10, seed=1))
    assert set(first) <= set(rows)
    assert subset(rows, 100, seed=1) is rows


def test_fold_pairs_part_the_rows() -> None:
    for kept, held in fold_pairs(np.array([0, 1, 2, 0]), [0, 2]):
        assert sorted([*kept, *held]) == [0, 1, 2, 3]
