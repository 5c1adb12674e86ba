from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.covariance import LedoitWolf

from headstart.selection.transferability import h_scores, log_evidence

SHAPES = pytest.mark.parametrize(("rows", "columns"), [(60, 8), (60, 60), (50, 90)])


def task(
    rows: int, columns: int, *, classes: int = 4, spread: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of positive features with strong common directions, like activations."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    centres = rng.normal(size=(classes, columns))
    mixing = rng.normal(size=(columns, columns)) * np.geomspace(1, 0.05, columns)
    features = centres[targets] + spread * rng.normal(size=(rows, columns)) @ mixing
    return np.maximum(features + 1, 0).astype(np.float32), targets


def dense_evidence(features: np.ndarray, indicator: np.ndarray) -> float:
    """Best log N(y; 0, I / beta + F F' / alpha) a row over alpha and beta, by brute force."""
    exact = features.astype(np.float64)
    gram, identity = exact @ exact.T, np.eye(len(exact))

    def loss(logs: np.ndarray) -> float:
        covariance = identity * np.exp(-logs[1]) + gram * np.exp(-logs[0])
        lower = np.linalg.cholesky(covariance)
        misfit = np.linalg.solve(lower, indicator)
        volume = 2 * np.log(np.diag(lower)).sum() + len(exact) * np.log(2 * np.pi)
        return float(misfit @ misfit + volume) / (2 * len(exact))

    bounds = [(-8, 20), (-4, 12)]
    grid = [(a, b) for a in range(-2, 10, 2) for b in range(0, 8, 2)]
    start = min(grid, key=lambda logs: loss(np.array(logs)))
    found = minimize(loss, start, bounds=bounds, method="Nelder-Mead", options={"xatol": 1e-4})
    return -float(found.fun)


@SHAPES
@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_logme_is_the_largest_marginal_likelihood(rows: int, columns: int, spread: float) -> None:
    features, targets = task(rows, columns, spread=spread)
    expected = np.mean([dense_evidence(features, (targets == k).astype(float)) for k in range(4)])
    assert log_evidence(features, targets) == pytest.approx(expected, abs=1e-4)


def covariances(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exact = features.astype(np.float64)
    means = np.stack([exact[targets == k].mean(axis=0) for k in targets])
    return np.cov(exact, rowvar=False, ddof=0), np.cov(means, rowvar=False, ddof=0)


@SHAPES
def test_h_score_is_the_trace_of_its_definition(rows: int, columns: int) -> None:
    features, targets = task(rows, columns)
    whole, between = covariances(features, targets)
    expected = np.trace(np.linalg.pinv(whole, rcond=1e-11, hermitian=True) @ between)
    assert h_scores(features, targets).plain == pytest.approx(expected, rel=1e-6)


@SHAPES
def test_shrunk_h_score_uses_the_covariance_of_ledoit_and_wolf(rows: int, columns: int) -> None:
    features, targets = task(rows, columns)
    _, between = covariances(features, targets)
    fitted = LedoitWolf().fit(features.astype(np.float64))
    expected = (1 - fitted.shrinkage_) * np.trace(np.linalg.solve(fitted.covariance_, between))
    assert h_scores(features, targets).shrunk == pytest.approx(expected, rel=1e-8)


def all_scores(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    h = h_scores(features, targets)
    return np.array([log_evidence(features, targets), h.plain, h.shrunk])


def test_features_that_tell_classes_apart_score_higher() -> None:
    scores = np.stack([all_scores(*task(300, 20, spread=spread)) for spread in (0.1, 0.5, 3.0)])
    assert (np.diff(scores, axis=0) < 0).all()


def test_more_features_than_images_do_not_fool_the_shrunk_score() -> None:
    rng = np.random.default_rng(0)
    noise, targets = rng.normal(size=(80, 400)).astype(np.float32), np.arange(80) % 4
    worthless, useful = h_scores(noise, targets), h_scores(*task(80, 400, spread=0.1))
    assert worthless.plain == pytest.approx(3)
    assert worthless.shrunk < 0.5 * useful.shrunk


@hypothesis_settings(max_examples=30)
@given(
    rows=st.integers(4, 40),
    columns=st.integers(1, 40),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 1e3]),
    seed=st.integers(0, 99),
)
def test_any_features_give_finite_scores(rows: int, columns: int, scale: float, seed: int) -> None:
    features, targets = task(rows, columns, seed=seed)
    logme, plain, shrunk = all_scores(scale * features, targets)
    assert np.isfinite(logme)
    assert -1e-9 <= shrunk <= plain + 1e-9 <= 3 + 1e-6


def test_neither_order_nor_scale_nor_names_of_classes_matter() -> None:
    features, targets = task(90, 12)
    order = np.random.default_rng(0).permutation(90)
    other = all_scores(100 * features[order], 7 * targets[order] + 3)
    assert other == pytest.approx(all_scores(features, targets), rel=1e-5)
