"""The projection, held against NumPy's singular value decomposition."""

import numpy as np
import pytest
import torch

from headstart.heads import projection as module
from headstart.heads.projection import Projection, fit_projection


def correlated(rows: int, columns: int, *, rank: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(rows, rank)) * np.geomspace(3, 0.3, rank)
    signal = mixed @ rng.normal(size=(rank, columns)) / rank**0.5
    return (signal + 0.05 * rng.normal(size=(rows, columns)) + 2).astype(np.float16)


def standard(features: np.ndarray) -> np.ndarray:
    values = features.astype(np.float64)
    deviation = values.std(0)
    damped = deviation + 0.03 * deviation.mean()
    return (values - values.mean(0)) / damped / values.shape[1] ** 0.5


@pytest.mark.parametrize("shape", [(300, 40), (60, 200)], ids=["tall", "wide"])
def test_it_finds_the_principal_axes(shape: tuple[int, int]) -> None:
    features = correlated(*shape)
    found = fit_projection(features, seed=0, rank=10)
    _, singular, axes = np.linalg.svd(standard(features), full_matrices=False)
    np.testing.assert_allclose(found.variance, singular[:10] ** 2 / len(features), rtol=1e-2)
    alignment = np.abs(axes[:10] @ found.basis.numpy())
    np.testing.assert_allclose(np.diag(alignment), 1, atol=0.02)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(10), atol=1e-3)


@pytest.mark.parametrize("shape", [(300, 40), (60, 200)], ids=["tall", "wide"])
def test_projected_features_are_centred_and_uncorrelated(shape: tuple[int, int]) -> None:
    features = correlated(*shape)
    found = fit_projection(features, seed=0)
    z = found.apply(features)
    covariance = (z.T @ z / len(z)).numpy()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    scale = float(found.variance[0])
    np.testing.assert_allclose(covariance, np.diag(found.variance), atol=1e-3 * scale)


@pytest.mark.parametrize("shape", [(300, 40), (60, 200)], ids=["tall", "wide"])
def test_a_head_folds_back_onto_raw_features(shape: tuple[int, int]) -> None:
    features = correlated(*shape)
    found = fit_projection(features, seed=0)
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(found.basis.shape[1], 3, generator=generator)
    bias = torch.randn(3, generator=generator)
    raw_weight, raw_bias = found.unproject(weight, bias)
    assert raw_weight.shape == (shape[1], 3)
    raw = torch.from_numpy(features.astype(np.float32)) @ raw_weight + raw_bias
    torch.testing.assert_close(raw, found.apply(features) @ weight + bias, rtol=1e-3, atol=1e-3)


def captured(found: Projection, features: np.ndarray) -> float:
    return float((found.apply(features) ** 2).sum() / (standard(features) ** 2).sum())


def test_the_randomised_way_captures_what_the_exact_one_does(monkeypatch) -> None:
    features = correlated(400, 300, rank=60)
    exact = fit_projection(features, seed=0, rank=25)
    monkeypatch.setattr(module, "_EXACT", 100)
    quick = fit_projection(features, seed=0, rank=25)
    assert quick.basis.shape == exact.basis.shape
    assert captured(quick, features) > 0.98 * captured(exact, features)
    np.testing.assert_allclose(quick.basis.T @ quick.basis, np.eye(25), atol=1e-3)


def test_the_same_seed_finds_the_same_axes(monkeypatch) -> None:
    monkeypatch.setattr(module, "_EXACT", 50)
    features = correlated(400, 100)
    first, second = (fit_projection(features, seed=0, rank=9) for _ in range(2))
    torch.testing.assert_close(first.basis, second.basis, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(300, 40), (30, 200)], ids=["tall", "wide"])
def test_constant_columns_do_no_harm(shape: tuple[int, int]) -> None:
    features = correlated(*shape)
    features[:, 5], features[:, 6], features[:, 7] = 0, 6, 3.7
    found = fit_projection(features, seed=0)
    z = found.apply(features)
    assert torch.isfinite(z).all()
    weight, _ = found.unproject(torch.ones(z.shape[1], 1), torch.zeros(1))
    assert torch.isfinite(weight).all()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_row_or_two_are_enough_to_go_on(rows: int) -> None:
    found = fit_projection(correlated(rows, 10), seed=0)
    assert torch.isfinite(found.apply(correlated(5, 10, seed=1))).all()
