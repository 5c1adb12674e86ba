"""Axes from inner products between rows, held against the projection of features."""

import numpy as np
import pytest
import torch

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.features.table import ArrayFeatures
from headstart.heads import row_space
from headstart.heads.projection import fit_projection
from headstart.heads.reduction import Reducer
from headstart.heads.row_space import GramRows, RowSpace

LAYOUT = FeatureLayout(
    (
        FeatureBlock("blocks.1", "mean", 30),
        FeatureBlock("blocks.1", "std", 50),
        FeatureBlock("final", "mean", 40),
        FeatureBlock("final", "max", 40),
        FeatureBlock("classifier", "logits", 10),
    )
)


@pytest.fixture
def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(200, 20)) * np.geomspace(3, 0.3, 20)
    signal = mixed @ rng.normal(size=(20, LAYOUT.dim))
    return (signal + 0.05 * rng.normal(size=signal.shape) + 2).astype(np.float16)


def reduced(features: np.ndarray, taps: str, rank: int = 10) -> GramRows:
    space = RowSpace(ArrayFeatures(features), LAYOUT, np.arange(len(features)))
    return space.reduce(LAYOUT.outputs_of(taps), seed=0, rank=rank)


@pytest.mark.parametrize("taps", ["final", "early", "all"])
@pytest.mark.parametrize("exact_share", [0.0, 1.0], ids=["exact", "randomised"])
def test_the_axes_are_those_of_the_features(features, taps, exact_share, monkeypatch) -> None:
    monkeypatch.setattr(row_space, "_EXACT_SHARE", exact_share)
    found = reduced(features, taps)
    outputs = LAYOUT.outputs_of(taps)
    mine = features[:, LAYOUT.columns(outputs)]
    widths = [block.channels for block in LAYOUT.blocks if block.output in outputs]
    other = fit_projection(mine, widths=widths, seed=0, rank=10)
    torch.testing.assert_close(found.variance, other.variance, rtol=1e-3, atol=0)
    expected = other.apply(mine)
    signs = (found.values * expected).sum(0).sign()
    torch.testing.assert_close(found.values * signs, expected, rtol=0, atol=0.01)


def test_a_head_folds_back_onto_raw_features(features) -> None:
    found = reduced(features, "early")
    weight, bias = torch.randn(10, 3), torch.randn(3)
    raw_weight, raw_bias = found.unproject(weight, bias)
    raw = torch.from_numpy(features[:, :80].astype(np.float32)) @ raw_weight + raw_bias
    torch.testing.assert_close(raw, found.values @ weight + bias, rtol=1e-3, atol=1e-3)


def test_selections_in_turn_are_what_each_is_alone(features) -> None:
    space = RowSpace(ArrayFeatures(features), LAYOUT, np.arange(len(features)))
    for taps in ("final", "early", "all", "final"):
        together = space.reduce(LAYOUT.outputs_of(taps), seed=0, rank=5)
        torch.testing.assert_close(together.values, reduced(features, taps, 5).values)


def test_many_rows_go_the_other_way_and_arrive_at_the_same(features, monkeypatch) -> None:
    rows, outputs = np.arange(len(features)), LAYOUT.outputs_of("all")
    found = []
    for most in (len(rows), len(rows) - 1):
        monkeypatch.setattr("headstart.heads.reduction.MOST_ROWS", most)
        reducer = Reducer(ArrayFeatures(features), LAYOUT, seed=0)
        found.append(reducer.reduce(outputs, rows, rank=10))
    few, many = found
    assert type(few) is not type(many)
    torch.testing.assert_close(few.variance, many.variance, rtol=1e-3, atol=0)
    weight, bias = torch.randn(10, 2), torch.zeros(2)
    signs = (few.values * many.values).sum(0).sign()[:, None]
    for mine, other in zip(
        few.unproject(signs * weight, bias), many.unproject(weight, bias), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=0, atol=5e-3)
