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
    flat = bool(changes.pop("flat", False))
    changes = {"taps": ("first",), "mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3), **changes}
    return TappedBackbone(network, dataclasses.replace(spec, **changes), flat=flat)  # type: ignore[arg-type]


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


class TokenToy(nn.Module):
    """A class token and four patches."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Linear(3, 6)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        patches = images.unfold(2, 4, 4).unfold(3, 4, 4).mean((4, 5)).flatten(2).transpose(1, 2)
        tokens = torch.cat([patches.sum(1, keepdim=True), patches], dim=1)
        return self.block(tokens)

    def forward_head(self, tokens: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return tokens[:, 0] if pre_logits else tokens[:, 0, :2]


@torch.inference_mode()
def test_tokens_are_pooled_without_those_before_the_patches(pixels: torch.Tensor) -> None:
    toy = TokenToy()
    module = tapped(toy, taps=("block",), prefix_tokens=1, pooled=True)
    tokens = toy.forward_features(module.normalise(pixels))
    patches, own = tokens[:, 1:], tokens[:, 0]
    expected = [
        *(patches.mean(1), patches.amax(1), patches.std(1, correction=0)),
        *(patches.mean(1), patches.amax(1), own, own[:, :2]),
    ]
    torch.testing.assert_close(list(module(pixels)), expected, rtol=1e-4, atol=1e-4)
    assert module.measure_layout(8).tap_sets()["final"] == ("final/pooled",)


class ChannelsLastToy(Toy):
    """As Swin does, activations are (N, H, W, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 1), Permute())

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return self.first(images)

    def forward_head(self, activation: torch.Tensor) -> torch.Tensor:
        return activation.mean((1, 2))[:, :2]


class Permute(nn.Module):
    def forward(self, activation: torch.Tensor) -> torch.Tensor:
        return activation.permute(0, 2, 3, 1)


@torch.inference_mode()
def test_channels_may_be_the_last_axis(pixels: torch.Tensor) -> None:
    toy = ChannelsLastToy()
    module = tapped(toy, channels_last=True)
    laid = toy.forward_features(module.normalise(pixels))
    mean, greatest, *_ = module(pixels)
    torch.testing.assert_close(mean, laid.mean((1, 2)))
    torch.testing.assert_close(greatest, laid.amax((1, 2)))


class InPlaceToy(Toy):
    """What follows the tap works on its output in place."""

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(images).mul_(0))


@torch.inference_mode()
def test_a_tap_is_what_its_module_said_whatever_becomes_of_it(pixels: torch.Tensor) -> None:
    toy = InPlaceToy()
    module = tapped(toy)
    expected = toy.first(module.normalise(pixels)).mean((2, 3))
    torch.testing.assert_close(module(pixels)[0], expected)


@torch.inference_mode()
def test_the_final_activation_comes_un_pooled_where_asked_for(pixels: torch.Tensor) -> None:
    toy = Toy()
    module = tapped(toy, flat=True)
    layout = module.measure_layout(8)
    assert layout.outputs_of("flat") == ("final/flat",)
    assert "final/flat" not in layout.outputs_of("all")
    final = toy.forward_features(module.normalise(pixels))
    torch.testing.assert_close(module(pixels)[-2], final.flatten(1))


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
