"""The network we load, held against one written from its published definition."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest
import sklearn.datasets
import timm
import torch
import torch.nn.functional as nn

from headstart.backbones.catalog import find_backbone
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import WeightsFile, resolve_weights
from headstart.backbones.weights.packaged import find_packaged
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.errors import WeightsError

Tensors = dict[str, torch.Tensor]
SPEC = find_backbone("efficientnet_lite0")

STAGES = (
    # repeats, kernel, stride, expansion, channels (Tan and Le, 2019, arXiv:1905.11946)
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def same_conv(x: torch.Tensor, weight: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """Convolve as TensorFlow's 'SAME' does; one channel a group where the weight says so."""
    kernel, size = weight.shape[2], x.shape[2]
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = missing // 2, missing - missing // 2
    padded = nn.pad(x, (before, after, before, after))
    return nn.conv2d(padded, weight, stride=stride, groups=x.shape[1] // weight.shape[1])


def normed(x: torch.Tensor, tensors: Tensors, name: str) -> torch.Tensor:
    statistics = (tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"])
    affine = (tensors[f"{name}.weight"], tensors[f"{name}.bias"])
    return nn.batch_norm(x, *statistics, *affine, eps=1e-3)


def block(x: torch.Tensor, tensors: Tensors, name: str, stride: int, expansion: int):
    inside = x
    if expansion > 1:
        inside = same_conv(inside, tensors[f"{name}._expand_conv.weight"])
        inside = nn.relu6(normed(inside, tensors, f"{name}._bn0"))
    inside = same_conv(inside, tensors[f"{name}._depthwise_conv.weight"], stride)
    inside = nn.relu6(normed(inside, tensors, f"{name}._bn1"))
    inside = normed(
        same_conv(inside, tensors[f"{name}._project_conv.weight"]), tensors, f"{name}._bn2"
    )
    return x + inside if x.shape == inside.shape else inside


def reference_logits(images: torch.Tensor, tensors: Tensors) -> torch.Tensor:
    x = nn.relu6(normed(same_conv(images, tensors["_conv_stem.weight"], 2), tensors, "_bn0"))
    number = 0
    for repeats, kernel, stride, expansion, channels in STAGES:
        for repeat in range(repeats):
            name = f"_blocks.{number}"
            assert tensors[f"{name}._depthwise_conv.weight"].shape[2] == kernel
            x = block(x, tensors, name, 1 if repeat else stride, expansion)
            number += 1
        assert x.shape[1] == channels
    x = nn.relu6(normed(same_conv(x, tensors["_conv_head.weight"]), tensors, "_bn1"))
    return nn.linear(x.mean((2, 3)), tensors["_fc.weight"], tensors["_fc.bias"])


def pixels_of(photo: str) -> torch.Tensor:
    content = sklearn.datasets.load_sample_image(photo)
    square = Geometry(mode="crop", size_px=SPEC.size_px, crop_fraction=SPEC.crop_fraction)
    return torch.from_numpy(load_pixels(content, square))[None]


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return build_network(SPEC, resolve_weights(SPEC, cache=Path("unused")))


@torch.inference_mode()
def test_it_computes_what_the_published_network_computes(network: torch.nn.Module) -> None:
    tensors = torch.load(find_packaged(SPEC.weights), weights_only=True)
    images = (pixels_of("china.jpg").permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    expected = reference_logits(images, tensors)
    assert expected.std() > 0.5
    torch.testing.assert_close(network(images), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("photo", "label"), [("china.jpg", 698), ("flower.jpg", 985)])
@torch.inference_mode()
def test_it_names_what_a_photo_shows(network: torch.nn.Module, photo: str, label: int) -> None:
    """ImageNet's classes 698 and 985 are 'palace' and 'daisy'."""
    images = TappedBackbone(network, SPEC).normalise(pixels_of(photo))
    assert int(network(images).argmax()) == label


def test_it_is_built_for_inference_in_float32(network: torch.nn.Module) -> None:
    assert not network.training
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def first_weight(weights: WeightsFile | None) -> torch.Tensor:
    return next(build_network(SPEC, weights).parameters()).detach()


def test_without_weights_they_are_random() -> None:
    assert not torch.equal(first_weight(None), first_weight(None))
    assert build_network(SPEC).num_classes == 1000


def test_random_weights_on_purpose_come_out_of_their_seed() -> None:
    before = torch.random.get_rng_state()
    one, again, two = (first_weight(WeightsFile("random", seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_random_classifier_is_taken_out() -> None:
    network = build_network(SPEC, WeightsFile("random", seed=0))
    assert network.num_classes == 0
    assert not [name for name in network.state_dict() if name.startswith("classifier")]


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "resnet18"])
def test_every_familys_own_names_fit(architecture: str, tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, architecture=architecture)
    tensors = build_network(spec).state_dict()
    network = build_network(spec, saved(tensors, tmp_path / "own.pth"))
    assert network.num_classes == 1000
    assert all(torch.equal(tensors[name], value) for name, value in network.state_dict().items())


def test_positions_of_another_image_size_are_resampled(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, architecture="vit_tiny_patch16_224")
    tensors = build_network(spec).state_dict()
    larger = timm.create_model("vit_tiny_patch16_384").state_dict()["pos_embed"]
    file = saved(tensors | {"pos_embed": larger}, tmp_path / "larger.pth")
    network = build_network(spec, file)
    assert network.state_dict()["pos_embed"].shape == tensors["pos_embed"].shape
    assert torch.equal(
        network.state_dict()["blocks.0.attn.qkv.bias"], tensors["blocks.0.attn.qkv.bias"]
    )


def test_older_names_are_renamed(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, architecture="densenet121")
    tensors = build_network(spec).state_dict()
    older = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): tensor
        for name, tensor in tensors.items()
    }
    assert older.keys() != tensors.keys()
    network = build_network(spec, saved(older, tmp_path / "torchvision.pth"))
    assert network.num_classes == 1000
    assert all(torch.equal(tensors[name], value) for name, value in network.state_dict().items())


def test_another_networks_file_says_what_differs(tmp_path: Path) -> None:
    tensors = timm.create_model("resnet18").state_dict()
    file = saved(tensors, tmp_path / "resnet18.pth")
    with pytest.raises(
        WeightsError, match=r"resnet18.pth does not fit the network: .* missing .* unexpected"
    ):
        build_network(SPEC, file)


def saved(tensors: Tensors, path: Path) -> WeightsFile:
    torch.save(tensors, path)
    return WeightsFile("file", path, hashlib.sha256(path.read_bytes()).hexdigest())
