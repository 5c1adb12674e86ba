import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones.catalog import find_backbone
from headstart.backbones.tapped import TappedBackbone


class Toy(nn.Module):
    """Two layers; the first is tapped."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.second = nn.Conv2d(4, 5, 3, stride=2)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(images))

    def forward_head(self, activation: torch.Tensor) -> torch.Tensor:
        return activation.mean((2, 3))[:, :2]


def tapped(network: nn.Module, **changes: object) -> TappedBackbone:
    spec = find_backbone("efficientnet_lite0")
    changes = {"taps": ("first",), "mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3), **changes}
    return TappedBackbone(network, dataclasses.replace(spec, **changes))  # type: ignore[arg-type]


@pytest.fixture
def pixels() -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8))


@torch.inference_mode()
def test_blocks_are_the_pooled_activations(pixels: torch.Tensor) -> None:
    toy = Toy()
    module = tapped(toy)
    images = (pixels.double() / 255 - torch.tensor([0.4, 0.5, 0.6])) / torch.tensor([0.1, 0.2, 0.3])
    first = toy.first(images.permute(0, 3, 1, 2).float())
    last = toy.second(first)
    expected = [
        first.mean((2, 3)),
        first.amax((2, 3)),
        first.std((2, 3), correction=0),
        last.mean((2, 3)),
        last.amax((2, 3)),
        last.mean((2, 3))[:, :2],
    ]
    torch.testing.assert_close(list(module(pixels)), expected, rtol=1e-4, atol=1e-4)
    assert [(b.output, b.channels) for b in module.measure_layout(8).blocks] == [
        ("first/mean", 4),
        ("first/max", 4),
        ("first/std", 4),
        ("final/mean", 5),
        ("final/max", 5),
        ("classifier/logits", 2),
    ]


@torch.inference_mode()
def test_a_network_without_a_classifier_has_no_logits(pixels: torch.Tensor) -> None:
    assert len(tapped(Toy(), labels=None)(pixels)) == 5


@torch.inference_mode()
def test_the_final_activation_comes_out_unpooled_where_asked_for(pixels: torch.Tensor) -> None:
    toy = Toy()
    plain = tapped(toy)
    module = TappedBackbone(toy, dataclasses.replace(find_backbone("lite0"), taps=()), flat=True)
    whole = toy.second(toy.first(module.normalise(pixels)))
    _, _, flat, _ = module(pixels)
    torch.testing.assert_close(flat, whole.flatten(1))
    blocks = module.measure_layout(8).blocks
    assert [b.output for b in blocks if b.tap == "final"] == [
        "final/mean",
        "final/max",
        "final/flat",
    ]
    assert "final/flat" not in [block.output for block in plain.measure_layout(8).blocks]


def test_gradients_stay_finite_where_an_activation_is_one_number() -> None:
    module = tapped(Toy())
    sum(block.sum() for block in module(torch.zeros(1, 3, 3, 3, dtype=torch.uint8))).backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


def test_no_hook_stays_behind_even_after_a_failure(pixels: torch.Tensor) -> None:
    module = tapped(Toy())
    module(pixels)
    with pytest.raises(RuntimeError):
        module(pixels[:, :1, :1])  # too small for the second layer
    assert not module.network.first._forward_hooks
