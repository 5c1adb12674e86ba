from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from headstart.errors import DataError
from headstart.heads.folds import assign_folds
from headstart.selection.neighbours import knn_accuracy, knn_predictions


def clusters(per_class: int = 30, spread: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(4), per_class)
    features = rng.normal(size=(4, 12))[targets] + spread * rng.normal(size=(len(targets), 12))
    return features.astype(np.float32), targets


def test_as_an_independent_implementation_says() -> None:
    features, targets = clusters(spread=1.5)
    groups = list(range(len(targets)))
    fold_of = assign_folds(targets, groups, folds=5, seed=3)
    expected = np.empty_like(targets)
    for fold in range(5):
        voters = KNeighborsClassifier(
            7, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
        ).fit(features[fold_of != fold], targets[fold_of != fold])
        expected[fold_of == fold] = voters.predict(features[fold_of == fold])
    predicted = knn_predictions(features, targets, groups, neighbours=7, seed=3)
    assert (predicted == expected).all()
    estimate = knn_accuracy(features, targets, groups, neighbours=7, seed=3)
    assert estimate.value == (expected == targets).mean()
    assert estimate.low < estimate.value < estimate.high


def test_separate_clusters_are_told_apart_whatever_their_length() -> None:
    features, targets = clusters(spread=0.05)
    lengths = np.random.default_rng(1).uniform(0.01, 100, (len(targets), 1)).astype(np.float32)
    assert knn_accuracy(features * lengths, targets, list(range(len(targets)))).value == 1


def test_copies_do_not_vote_for_each_other() -> None:
    rng = np.random.default_rng(2)
    features = np.repeat(rng.normal(size=(100, 16)), 2, axis=0).astype(np.float32)
    targets = np.repeat(rng.integers(0, 2, 100), 2)
    apart = knn_accuracy(features, targets, list(range(200)), neighbours=1)
    together = knn_accuracy(features, targets, [row // 2 for row in range(200)], neighbours=1)
    assert apart.value > 0.85
    assert together.value < 0.65


def test_few_rows_and_blank_ones() -> None:
    features = np.array([[0, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert knn_predictions(features, np.array([0, 1, 1]), [0, 1, 2]).shape == (3,)


def test_one_group_cannot_be_judged() -> None:
    features, targets = clusters()
    with pytest.raises(DataError, match="one group"):
        knn_accuracy(features, targets, ["one"] * len(targets))
