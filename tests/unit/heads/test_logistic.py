"""Logistic regression, held against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from headstart.heads import logistic
from headstart.heads.logistic import fit_logistic


def data(rows: int = 150, columns: int = 6, classes: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    scales = np.geomspace(2, 0.2, columns)
    features = (rng.normal(size=(rows, columns)) * scales).astype(np.float32)
    truth = rng.normal(size=(columns, classes)) * 1.5
    targets = (features @ truth + rng.gumbel(size=(rows, classes))).argmax(axis=1)
    return features, targets


def fit(features, targets, weights, penalties, *, classes: int = 3, iterations: int = 300):
    return fit_logistic(
        torch.from_numpy(features),
        torch.from_numpy(targets),
        classes=classes,
        weights=torch.from_numpy(np.atleast_2d(weights).astype(np.float32)),
        penalties=torch.tensor(penalties),
        variance=torch.from_numpy(features.var(axis=0)),
        iterations=iterations,
    )


def probabilities(features, weight, bias) -> np.ndarray:
    return torch.softmax(torch.from_numpy(features) @ weight + bias, dim=1).numpy()


def sklearn_probabilities(features, targets, weights, penalty: float) -> np.ndarray:
    """The same problem: C times the summed loss plus half the squared norm."""
    model = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10_000)
    return model.fit(features, targets, sample_weight=weights).predict_proba(features)


@pytest.mark.parametrize("penalty", [1e-1, 1e-3])
@pytest.mark.parametrize("uneven", [False, True])
def test_it_says_what_scikit_learn_says(penalty: float, uneven: bool) -> None:
    features, targets = data()
    weights = np.random.default_rng(1).uniform(0, 1, len(targets)) ** (3 if uneven else 0)
    weights /= weights.sum()
    weight, bias = fit(features, targets, weights, [penalty])
    expected = sklearn_probabilities(features, targets, weights, penalty)
    found = probabilities(features, weight[0], bias[0])
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_two_classes_are_no_special_case() -> None:
    features, targets = data(classes=2)
    weights = np.full(len(targets), 1 / len(targets))
    weight, bias = fit(features, targets, weights, [1e-2], classes=2)
    # scikit-learn's binary model has one column; two columns share the penalty between them
    expected = sklearn_probabilities(features, targets, weights, 1e-2 / 2)
    np.testing.assert_allclose(probabilities(features, weight[0], bias[0]), expected, atol=1e-3)


@pytest.fixture
def several():
    features, targets = data(rows=600)
    rng = np.random.default_rng(2)
    weights = rng.uniform(size=(4, len(targets))) * rng.integers(0, 2, (4, len(targets)))
    return features, targets, weights / weights.sum(axis=1, keepdims=True), [1e-1, 1e-2, 1e-3, 1e-2]


def close(found, expected) -> None:
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-2, atol=2e-3)


def test_problems_solved_together_end_where_each_ends_alone(several) -> None:
    features, targets, weights, penalties = several
    together = fit(features, targets, weights, penalties)
    alone = [fit(features, targets, w, [p]) for w, p in zip(weights, penalties, strict=True)]
    close(together, tuple(torch.cat(parts) for parts in zip(*alone, strict=True)))


@pytest.mark.parametrize("constant", ["_CHUNK_NUMBERS", "_PROBLEM_NUMBERS"])
def test_working_in_parts_changes_nothing(several, monkeypatch, constant: str) -> None:
    whole = fit(*several)
    monkeypatch.setattr(logistic, constant, 1)
    close(fit(*several), whole)


def test_rows_without_weight_are_not_looked_at() -> None:
    features, targets = data()
    kept = np.arange(len(targets)) % 3 > 0
    weights = kept / kept.sum()
    spoilt, labels = features.copy(), targets.copy()
    spoilt[~kept] *= 5
    labels[~kept] = 0
    found = (
        fit_logistic(
            torch.from_numpy(x),
            torch.from_numpy(y),
            classes=3,
            weights=torch.from_numpy(weights[None].astype(np.float32)),
            penalties=torch.tensor([1e-2]),
            variance=torch.from_numpy(features.var(axis=0)),
        )
        for x, y in ((features, targets), (spoilt, labels))
    )
    close(*found)


def test_a_class_without_rows_becomes_improbable() -> None:
    features, targets = data()
    weights = np.full(len(targets), 1 / len(targets))
    weight, bias = fit(features, targets, weights, [1e-2], classes=4)
    found = probabilities(features, weight[0], bias[0])
    assert np.isfinite(found).all()
    assert found[:, 3].max() < 0.05
