"""Heads that know nothing yet."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.config import HeadConfig
from headstart.errors import ConfigError
from headstart.heads.dense import DenseHead
from headstart.heads.linear import LinearHead
from headstart.heads.random_head import random_head

LAYOUT = FeatureLayout((FeatureBlock("early", "mean", 4), FeatureBlock("final", "mean", 10)))


def test_a_linear_one_takes_the_last_activation() -> None:
    head = random_head(HeadConfig(), LAYOUT, ("a", "b"), seed=0)
    assert isinstance(head, LinearHead)
    assert (head.outputs, head.weight.shape) == (("final/mean",), (10, 2))
    assert not head.bias.any()
    assert 0.3 < np.abs(head.weight).max() <= (6 / 12) ** 0.5


def test_a_dense_one_has_its_layers() -> None:
    config = HeadConfig(name="gap-1024-512", taps="all", activation="gelu")
    head = random_head(config, LAYOUT, ("a", "b", "c"), seed=0)
    assert isinstance(head, DenseHead)
    assert [weight.shape for weight in head.weights] == [(14, 1024), (1024, 512), (512, 3)]
    assert head.activation == "gelu"


def test_the_seed_decides() -> None:
    one, same, other = (
        random_head(HeadConfig(), LAYOUT, ("a", "b"), seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.weight, same.weight)
    assert not np.array_equal(one.weight, other.weight)


def test_what_has_no_gradient_is_refused() -> None:
    with pytest.raises(ConfigError, match="no gradient"):
        random_head(HeadConfig(name="knn"), LAYOUT, ("a", "b"), seed=0)
