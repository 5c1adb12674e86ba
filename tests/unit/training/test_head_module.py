"""Heads in training: batch norm and dropout come and go, the answers stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.config import HeadConfig
from headstart.features.table import ArrayFeatures
from headstart.heads.dense import DenseHead
from headstart.heads.linear import LinearHead
from headstart.training.head_module import HeadTraining, as_head, build_head_module, head_training
from headstart.training.network import Classifier

WIDTH, CLASSES = 6, ("a", "b", "c")
LAYOUT = FeatureLayout((FeatureBlock("final", "mean", WIDTH),))


@pytest.fixture
def sample() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(200, WIDTH)) * np.arange(1, WIDTH + 1) + 3).astype(np.float16)


@pytest.fixture
def head() -> DenseHead:
    rng = np.random.default_rng(1)
    sizes = [(WIDTH, 8), (8, 5), (5, len(CLASSES))]
    weights = tuple(rng.normal(size=size).astype(np.float32) for size in sizes)
    biases = tuple(rng.normal(size=size[1]).astype(np.float32) for size in sizes)
    return DenseHead(CLASSES, "final", ("final/mean",), weights, biases, "relu", 1.0)


def answers(head: DenseHead | LinearHead, sample: np.ndarray) -> np.ndarray:
    return head.logits(ArrayFeatures(sample), np.arange(len(sample)), LAYOUT)


def test_a_batch_norm_starts_as_nothing(head: DenseHead, sample: np.ndarray) -> None:
    module = build_head_module(head, sample, HeadTraining(dropout=0.5, batch_norm=True)).eval()
    mine = module(torch.from_numpy(sample.astype(np.float32))).detach().numpy()
    np.testing.assert_allclose(mine, answers(head, sample), rtol=1e-3, atol=1e-3)


def test_what_a_batch_norm_learned_is_folded_in(head: DenseHead, sample: np.ndarray) -> None:
    module = build_head_module(head, sample, HeadTraining(dropout=0.2, batch_norm=True))
    optimiser = torch.optim.Adam(module.parameters(), 0.05)
    features = torch.from_numpy(sample.astype(np.float32))
    targets = torch.arange(len(sample)) % 3
    for _ in range(5):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(features), targets).backward()
        optimiser.step()
    module.eval()
    trained = as_head(head, module)
    assert isinstance(trained, DenseHead)
    assert not np.allclose(answers(trained, sample), answers(head, sample), atol=0.1)
    np.testing.assert_allclose(
        answers(trained, sample), module(features).detach().numpy(), rtol=1e-3, atol=1e-3
    )


def test_dropout_between_layers_is_the_heads_not_the_phases(
    head: DenseHead, sample: np.ndarray
) -> None:
    module = build_head_module(head, sample, HeadTraining(dropout=0.5))
    Classifier.set_dropout(_Headed(module), 0.0)  # type: ignore[arg-type]
    features = torch.from_numpy(sample.astype(np.float32))
    assert not torch.equal(module(features), module(features))
    module.eval()
    assert torch.equal(module(features), module(features))


class _Headed:
    def __init__(self, head: torch.nn.Module) -> None:
        self.head = head


def test_raw_features_where_they_are_about_to_change(head: DenseHead, sample: np.ndarray) -> None:
    module = build_head_module(head, sample, HeadTraining(standardise=False))
    assert torch.equal(module.scale, torch.ones(WIDTH))
    assert not module.mean.any()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"name": "linear"}, HeadTraining()),
        ({"name": "gap"}, HeadTraining()),
        ({"name": "gap-1024-512"}, HeadTraining(dropout=0.2)),
        ({"name": "flatten-dense-bn-dropout"}, HeadTraining(dropout=0.5, batch_norm=True)),
        ({"name": "gap-1024", "dropout": 0.3}, HeadTraining(dropout=0.3)),
    ],
)
def test_a_heads_settings_hold_in_training(config: dict, expected: HeadTraining) -> None:
    assert head_training(HeadConfig(**config), standardise=True) == expected
