from __future__ import annotations

from typing import Any

import torch
from torch import nn

from headstart.backbones.scratch import build_scratch
from headstart.training.layers import Layer, list_called, list_layers

Layers = tuple[Layer, ...]


def test_layers_come_in_the_order_an_image_passes_them(toy_layers: Layers) -> None:
    parts = [f"{stage}.{part}" for stage in ("low", "middle", "high") for part in range(4)]
    assert [layer.name for layer in toy_layers] == [*parts, "norm"]
    assert [layer.number for layer in toy_layers] == list(range(13))
    kinds = ["Conv2d", "BatchNorm2d", "ReLU", "Dropout"] * 3
    assert [layer.kind for layer in toy_layers] == [*kinds, "LayerNorm"]
    assert toy_layers[4].shape == (6, 16, 16)


def test_every_weight_an_image_meets_belongs_to_one_layer(toy: Any, toy_layers: Layers) -> None:
    network = toy.backbone.network
    owned = [name for layer in toy_layers for name in layer.weights]
    reached = {n for n, _ in network.named_parameters() if not n.startswith("classifier")}
    assert sorted(owned) == sorted(reached)
    assert "position" in toy_layers[0].weights
    assert toy_layers[4].weights == {"middle.0.weight": 6 * 4 * 9, "middle.0.bias": 6}
    assert toy_layers[4].parameters == 6 * 4 * 9 + 6


def test_listing_changes_nothing(toy: Any) -> None:
    network = toy.backbone.network
    network.train()
    network.low.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    list_layers(network, size_px=16)
    assert network.training
    assert not network.low[1].training
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_the_meta_device_gives_the_same_list(toy: Any, toy_layers: Layers) -> None:
    assert list_layers(toy.backbone.network.to("meta"), size_px=16) == toy_layers


def test_a_layer_called_twice_counts_at_its_first_call() -> None:
    shared, last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 2, 1)

    def forward() -> torch.Tensor:
        return last(shared(shared(torch.zeros(1, 3, 4, 4))))

    layers = list_called(nn.ModuleDict({"last": last, "shared": shared}), forward)
    assert [layer.name for layer in layers] == ["shared", "last"]


def test_weights_used_without_a_call_belong_to_what_uses_them() -> None:
    attention = nn.MultiheadAttention(4, 2)  # its out_proj is never called

    def forward() -> object:
        return attention(*[torch.zeros(3, 1, 4)] * 3)

    (layer,) = list_called(nn.ModuleDict({"attention": attention}), forward)
    assert layer.parameters == sum(p.numel() for p in attention.parameters())
    assert layer.shape == (1, 4)


def test_lite0_is_listed_from_its_stem_to_its_last_convolution(lite0_layers: Layers) -> None:
    first, last = lite0_layers[0], lite0_layers[-1]
    assert (first.name, first.shape) == ("conv_stem", (32, 112, 112))
    assert (last.name, last.shape) == ("bn2.act", (1280, 7, 7))
    assert sum(layer.kind.startswith("Conv2d") for layer in lite0_layers) == 49
    assert sum(layer.kind == "BatchNormAct2d" for layer in lite0_layers) == 49
    assert sum(layer.kind == "ReLU6" for layer in lite0_layers) == 33
    # the published 4,652,008 without the ImageNet classifier's 1,281,000
    assert sum(layer.parameters for layer in lite0_layers) == 4_652_008 - 1_281_000


def test_what_lies_before_the_networks_own_classifier_counts_where_it_is_used() -> None:
    network = build_scratch("cnn1", size_px=8)
    below = list_layers(network, size_px=8)
    whole = list_layers(network, size_px=8, pooled=True)
    assert [layer.name for layer in whole[len(below) :]] == ["hidden.0", "hidden.1", "hidden.2"]
    assert "hidden.0.weight" in whole[len(below)].weights
    assert not any("classifier" in name for layer in whole for name in layer.weights)
