from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from headstart.training.layers import Layer, list_layers
from headstart.training.stages import (
    carries_all,
    frozen_boundary,
    stage_ends,
    stage_names,
    stage_numbers,
    stage_starts,
)

STAGES = ("low", "middle", "high")
Layers = tuple[Layer, ...]


def test_a_stage_ends_with_its_modules_last_layer(toy_layers: Layers) -> None:
    assert stage_ends(toy_layers, STAGES) == (4, 8, 12)
    assert stage_ends(toy_layers, ("low.2", "middle.2")) == (3, 7)


def test_what_follows_the_last_stage_belongs_to_it(toy_layers: Layers) -> None:
    assert stage_numbers(toy_layers, STAGES) == (0,) * 4 + (1,) * 4 + (2,) * 5
    assert stage_names(toy_layers, STAGES) == STAGES


def test_what_follows_is_a_stage_of_its_own_where_pictures_get_smaller() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 2, stride=2), nn.ReLU())
    layers = list_layers(network, size_px=8)
    assert stage_starts(layers, ("0",)) == (0, 1)
    assert stage_names(layers, ("0",)) == ("0", "final")
    assert stage_numbers(layers, ("0",)) == (0, 1, 1)


@pytest.mark.parametrize("last", [(49, 64), (7, 7, 64), (64, 7, 7)])
def test_tokens_and_channels_last_are_pictures_too(last: tuple[int, ...]) -> None:
    layers = [Layer(0, "tap", "Linear", (49, 64), {}), Layer(1, "norm", "LayerNorm", last, {})]
    assert stage_names(layers, ("tap",)) == ("tap",)


def test_a_network_without_taps_is_one_stage(toy_layers: Layers) -> None:
    assert stage_starts(toy_layers, ()) == (0,)
    assert stage_names(toy_layers, ()) == ("final",)
    assert stage_numbers(toy_layers, ()) == (0,) * 13
    assert frozen_boundary((), toy_layers, ()) is None


@pytest.mark.parametrize(
    ("trained", "boundary"),
    [
        (set(), "high"),
        ({"norm.weight"}, "high"),
        ({"high.1.bias"}, "middle"),
        ({"middle.0.weight", "norm.weight"}, "low"),
        ({"low.1.bias"}, None),
        ({"position"}, None),
    ],
)
def test_the_boundary_is_the_last_stage_that_training_leaves_alone(
    trained: set[str], boundary: str | None, toy_layers: Layers
) -> None:
    assert frozen_boundary(trained, toy_layers, STAGES) == boundary


class Skipping(nn.Module):
    """Its end looks past the second layer, as NASNet's cells do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 1) for _ in range(3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.first(images)
        return self.third(self.second(first) + first)


def test_a_stage_that_something_bypasses_does_not_carry_all(toy: Any) -> None:
    network = toy.backbone.network.eval()
    assert all(carries_all(network, stage, size_px=16) for stage in STAGES)
    torch.manual_seed(0)
    assert carries_all(Skipping(), "first", size_px=16)
    assert not carries_all(Skipping(), "second", size_px=16)
