"""Nearest neighbours: votes as defined, fair, and without jumps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.config import HeadConfig
from headstart.errors import ConfigError
from headstart.evaluation.calibration import softmax
from headstart.heads import knn
from headstart.heads.fitting import fit_head
from headstart.heads.knn import Votes, count_votes, unit
from headstart.progress import Silent


def fit(task: Any, **settings: object) -> Any:
    config = HeadConfig.model_validate({"name": "knn", "taps": "all", **settings})
    return fit_head(task, config, seed=0, progress=Silent())


def at(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


EVEN = np.ones(2, dtype=np.float32)
KINDS = ("distance", "uniform")


def shares(asked: np.ndarray, points: np.ndarray, labels: list[int], votes: Votes) -> np.ndarray:
    return softmax(count_votes(asked, points, np.array(labels), EVEN, votes))


def test_uniform_votes_are_counted() -> None:
    points = at(1, 2, 3, 80, 85, 90)
    found = shares(at(0), points, [0, 0, 1, 1, 1, 1], Votes(3, "uniform"))
    np.testing.assert_allclose(found, [[(2 + 0.5) / 4, (1 + 0.5) / 4]])


def test_by_distance_the_nearer_vote_counts_more() -> None:
    found = shares(at(0), at(5, 60, 90), [0, 1, 1], Votes(2, "distance"))
    near, far = np.cos(np.deg2rad(5)), np.cos(np.deg2rad(60))
    weights = np.array([near + 1e-3, far + 1e-3]) / (1 + 1e-3)
    np.testing.assert_allclose(found[0], (weights + 0.5) / (weights.sum() + 1), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_does_not_jump_when_neighbours_change_places(kind: Any) -> None:
    points = at(-40, -20, 20, 40, 60, 80)
    asked = at(*np.linspace(-1, 1, 401))
    found = shares(asked, points, [0, 0, 1, 1, 0, 1], Votes(3, kind))[:, 0]
    assert np.abs(np.diff(found)).max() < 0.02
    assert np.ptp(found) > 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_exact_copies_have_a_say(kind: Any) -> None:
    points = np.repeat(at(10), 8, axis=0)
    found = shares(at(10), points, [0] * 7 + [1], Votes(3, kind))
    assert found[0, 0] >= found[0, 1]


@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from(KINDS))
def test_probabilities_are_never_zero_and_sum_to_one(seed: int, count: int, kind: Any) -> None:
    rng = np.random.default_rng(seed)
    points = unit(rng.normal(size=(10, 3)).astype(np.float32))
    labels = rng.integers(0, 2, 10)
    found = shares(points[:4], points, labels.tolist(), Votes(count, kind))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found > 0).all()


def test_settings_that_are_given_are_kept(make_task: Any) -> None:
    found = fit(make_task(), neighbours=7, weights="uniform")
    assert found.head.votes == Votes(7, "uniform")
    assert [c.setting for c in found.candidates] == ["7 neighbours, uniform weights"]
    searched = {c.setting for c in fit(make_task(), weights="distance").candidates}
    assert searched == {f"{k} neighbours, distance weights" for k in (5, 10, 20, 40)}


def test_more_neighbours_than_images(make_task: Any) -> None:
    with pytest.raises(ConfigError, match=r"head\.neighbours is 50, but so few images"):
        fit(make_task(per_class=10), neighbours=50)
    assert fit(make_task(per_class=3)).head.votes.neighbours == 3


def test_more_images_than_it_keeps(make_task: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(knn, "_ROWS", 60)
    found = fit(make_task(per_class=40), neighbours=5)
    assert len(found.head.points) == len(found.head.labels) == 60
    assert "60 of 120 images" in found.notes[0]
