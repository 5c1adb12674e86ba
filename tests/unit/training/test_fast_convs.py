"""Rerouted convolutions, held against PyTorch's own in float32."""

from __future__ import annotations

import copy
import gc

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import build_module
from headstart.backbones.pooling import pool_all
from headstart.backbones.scratch import build_scratch
from headstart.kernels.library import load_kernels
from headstart.kernels.native import Kernels
from headstart.training.conv_functions import Clip, Depthwise, Pointwise
from headstart.training.fast_convs import accelerate, restore
from headstart.training.fast_dropout import Drop
from headstart.training.norm_functions import Normalise

NEEDS_COMPILER = "no C compiler here: the fast way is not taken"


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    load_kernels.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(tmp_path_factory.mktemp("kernels")))
        found = load_kernels()
    if found is None:
        pytest.skip(NEEDS_COMPILER)
    return found


def near(
    found: torch.Tensor, expected: torch.Tensor, *, share: float = 0.03, floor: float = 1e-6
) -> None:
    found, expected = found.detach().float(), expected.detach().float()
    scale = float(expected.abs().max()) + floor
    torch.testing.assert_close(found, expected, rtol=0, atol=share * scale)


def scratch_network() -> nn.Module:
    """Return convolutions, ReLUs, norms: in this order."""
    return build_scratch("cifar_cnn", size_px=32)


def nodes_alive() -> int:
    """Count the steps of autograd graphs that are written in Python."""
    gc.collect()
    return sum(type(one).__name__.endswith("Backward") for one in gc.get_objects())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rough", [False, True])
def test_no_step_leaves_its_graph_behind(kernels, training: bool, rough: bool) -> None:
    backbone = build_module(find_backbone("efficientnet_lite0"), None, size_px=64)
    backbone.train(training).to(memory_format=torch.channels_last)
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    accelerate(backbone.network, backbone.normalise(images), kernels)
    before = nodes_alive()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=rough):
            loss = torch.stack([block.float().mean() for block in backbone(images)]).sum()
        assert nodes_alive() > before
        loss.backward()
        del loss
        assert nodes_alive() == before


@settings(max_examples=60)
@given(
    st.integers(1, 70),
    st.integers(3, 13),
    st.sampled_from([3, 5, 7]),
    st.sampled_from([1, 2, 3]),
    st.booleans(),
    st.sampled_from([Clip(0.0, 6.0), Clip(low=0.0), Clip()]),
    st.booleans(),
    st.integers(0, 9),
)
def test_depthwise_gradients_are_pytorchs(
    kernels,
    channels: int,
    side: int,
    size: int,
    stride: int,
    uneven: bool,
    clip: Clip,
    at_once: bool,
    seed: int,
) -> None:
    kernels = copy.copy(kernels)
    kernels._has_pairs = kernels._has_pairs and at_once  # else what other processors do
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, channels, side, side + 1, generator=generator).bfloat16()
    weight = torch.randn(channels, 1, size, size, generator=generator) / size
    bias = torch.randn(channels, generator=generator)
    half = size // 2
    pads = (half - 1, half, half - 1, half) if uneven else (half,) * 4
    mine = [t.clone().requires_grad_() for t in (x, weight, bias)]
    other = [t.float().requires_grad_() for t in (x, weight, bias)]
    found = Depthwise.apply(*mine, stride, pads, clip, kernels)
    plain = functional.conv2d(
        functional.pad(other[0], pads), other[1], other[2], stride, 0, 1, channels
    )
    near(found, plain.clamp(clip.low, clip.high))
    gradient = torch.randn(plain.shape, generator=generator).bfloat16()
    passes = (found > clip.low) & (found < clip.high)  # at the clip's edges rounding decides
    found.backward(gradient)
    plain.backward(gradient.float() * passes)
    for mine_, other_ in zip(mine, other, strict=True):
        near(mine_.grad, other_.grad)


def gradients(network: nn.Module, images: torch.Tensor, *, rough: bool = True) -> torch.Tensor:
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=rough):
        answer = network(images)
    answer.float().square().mean().backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def alike(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_lite0", "mobilenetv2_050", "resnet18", "resnet26"]
)
def test_a_rerouted_network_answers_and_learns_as_before(kernels, name: str) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3).eval().to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)
    expected = network(images).detach()
    exact, plain = gradients(network, images, rough=False), gradients(network, images)
    names = [name for name, _ in network.named_parameters()]
    assert accelerate(network, images, kernels) > 10
    assert [name for name, _ in network.named_parameters()] == names
    torch.testing.assert_close(network(images).detach(), expected, rtol=1e-3, atol=1e-4)
    assert alike(gradients(network, images, rough=False), exact) > 0.9999
    assert alike(gradients(network, images), exact) > min(0.99, alike(plain, exact) - 0.02)
    restore(network)
    torch.testing.assert_close(network(images).detach(), expected, rtol=0, atol=0)


def assert_learns_as(other: nn.Module, network: nn.Module, images: torch.Tensor) -> None:
    """Hold gradients, statistics and answers of a rerouted network against a plain one's."""
    exact, plain = (gradients(other, images, rough=rough) for rough in (False, True))
    assert alike(gradients(network, images), exact) > alike(plain, exact) - 0.1
    gradients(network, images, rough=False)  # as many batches as the other saw
    for statistic, expected in other.named_buffers():
        near(network.get_buffer(statistic), expected, share=0.05, floor=1e-2)
    network.eval(), other.eval()
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(network(images), other(images), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_lite0", "mobilenetv2_050", "resnet18", "resnet26"]
)
def test_batch_norms_that_train_learn_as_before(kernels, name: str) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3).to(memory_format=torch.channels_last)
    other = timm.create_model(name, num_classes=3).to(memory_format=torch.channels_last)
    other.load_state_dict(network.state_dict())
    images = torch.randn(16, 3, 96, 96).to(memory_format=torch.channels_last)
    network.train()
    assert accelerate(network, images, kernels) > 10
    assert all(module.training for module in network.modules())
    torch.testing.assert_close(network.state_dict(), other.state_dict(), rtol=0, atol=0)
    assert_learns_as(other.train(), network, images)


@settings(max_examples=25)
@given(
    st.integers(1, 70),
    st.integers(1, 9),
    st.sampled_from([(-torch.inf, torch.inf), (0.0, torch.inf), (0.0, 6.0)]),
    st.floats(-30, 30),
    st.sampled_from([0.1, None]),
    st.booleans(),
    st.integers(0, 9),
)
def test_batch_norm_is_pytorchs(
    kernels,
    channels: int,
    side: int,
    ends,
    offset: float,
    momentum: float | None,
    rectifies: bool,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = (offset + torch.randn(3, channels, side, side + 1, generator=generator)).bfloat16()
    mine, other = (nn.BatchNorm2d(channels, momentum=momentum) for _ in range(2))
    with torch.no_grad():
        mine.weight.copy_(torch.randn(channels, generator=generator))
        mine.bias.copy_(torch.randn(channels, generator=generator))
    other.load_state_dict(mine.state_dict())
    x1, x2 = x.clone().requires_grad_(), x.float().requires_grad_()
    clip = Clip(*ends)
    given = x2.relu() if rectifies else x2
    found = Normalise.apply(x1, mine.weight, mine.bias, mine, clip, kernels, rectifies)
    expected = other(given).clamp(*ends)
    near(found, expected)
    near(mine.running_mean, other.running_mean)
    near(mine.running_var, other.running_var)
    gradient = torch.randn(found.shape, generator=generator).bfloat16()
    passes = (found > ends[0]) & (found < ends[1])  # at the clip's edges rounding decides
    fresh = nn.BatchNorm2d(channels, momentum=momentum)
    fresh.load_state_dict({**mine.state_dict(), "running_mean": torch.zeros(channels)})
    fresh(given).backward(gradient.float() * passes)
    found.backward(gradient)
    near(x1.grad, x2.grad, share=0.04)
    near(mine.weight.grad, fresh.weight.grad)
    near(mine.bias.grad, fresh.bias.grad)


@pytest.mark.parametrize("rectifies", [False, True])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_no_number_is_not_made_one(kernels, rectifies: bool, sign: float) -> None:
    x = torch.randn(2, 3, 4, 4).bfloat16()
    x[0, 1, 2, 3] = torch.copysign(torch.tensor(torch.nan), torch.tensor(sign)).bfloat16()
    norm = nn.BatchNorm2d(3)
    found = Normalise.apply(x, norm.weight, norm.bias, norm, Clip(), kernels, rectifies)
    assert found[:, 1].isnan().any()
    assert not found[:, [0, 2]].isnan().any()


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
)
def test_dropout_goes_back_the_way_it_came(
    kernels, shape: list[int], share: float, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(shape).bfloat16().requires_grad_()
    found = Drop.apply(x, share, kernels)
    kept = found != 0
    near(found, x * kept / (1 - share))
    gradient = torch.randn(shape).bfloat16()
    found.backward(gradient)
    near(x.grad, gradient * kept / (1 - share))
    torch.manual_seed(seed)
    torch.randn(shape)
    assert torch.equal(Drop.apply(x, share, kernels), found)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_dropout_leaves_out_the_share_it_is_told_everywhere(kernels, share: float) -> None:
    torch.manual_seed(0)
    images = torch.ones(64, 32, 16, 16, dtype=torch.bfloat16)
    dropped = (Drop.apply(images, share, kernels) == 0).double()
    assert float(dropped.mean()) == pytest.approx(share, abs=0.002)
    for axes in ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)):
        assert float((dropped.mean(axes) - share).abs().max()) < 0.04
    again = (Drop.apply(images, share, kernels) == 0).double()
    both = float((dropped * again).mean())
    assert both == pytest.approx(share**2, abs=0.003)  # one draw says nothing of the next
    beside = float((dropped[:, 1:] * dropped[:, :-1]).mean())
    assert beside == pytest.approx(share**2, abs=0.003)


@pytest.mark.parametrize("build", [scratch_network, lambda: timm.create_model("densenet121")])
def test_norms_without_a_convolution_before_them_learn_as_before(kernels, build) -> None:
    torch.manual_seed(0)
    network = build().to(memory_format=torch.channels_last).train()
    other = copy.deepcopy(network)
    images = torch.randn(16, 3, 32, 32).to(memory_format=torch.channels_last)
    accelerate(network, images, kernels)
    for one in (network, other):
        for module in one.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # what falls out is another draw
    assert_learns_as(other, network, images)


def test_a_relu_that_is_used_twice_is_left_alone(kernels) -> None:
    relu = nn.ReLU()
    chain = nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), relu)
    images = torch.randn(4, 3, 8, 8)
    accelerate(chain.train(), images, kernels)
    with torch.autocast("cpu", torch.bfloat16):
        assert float(chain(images).detach().min()) == 0


class Shared(nn.Module):
    """A convolution whose output is used beside its norm: folding would be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)
        nn.init.constant_(self.norm.weight, 3.0)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raw = self.conv(images)
        return self.norm(raw) + raw


def test_a_network_that_would_answer_differently_is_not_touched(kernels) -> None:
    network, images = Shared().eval(), torch.randn(2, 3, 8, 8)
    expected = network(images)
    assert accelerate(network, images, kernels) == 0
    torch.testing.assert_close(network(images), expected, rtol=0, atol=0)


@settings(max_examples=40)
@given(
    st.integers(1, 3),
    st.integers(1, 24),
    st.integers(1, 100),
    st.integers(1, 100),
    st.sampled_from([Clip(0.0, 6.0), Clip(low=0.0), Clip()]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 9),
)
def test_pointwise_gradients_are_the_products(
    kernels,
    images: int,
    side: int,
    ins: int,
    outs: int,
    clip: Clip,
    biased: bool,
    at_once: bool,
    seed: int,
) -> None:
    at_once = at_once and kernels.does_pointwise(10**6, 1)  # else what other processors do
    kernels = copy.copy(kernels)
    kernels.does_pointwise = lambda rows, weights: at_once
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(images, ins, side, side + 1, generator=generator).bfloat16()
    weight = (torch.randn(outs, ins, generator=generator) / ins**0.5).bfloat16()
    x, weight, bias = (one.requires_grad_() for one in (x, weight, torch.randn(outs)))
    found = Pointwise.apply(x, weight, bias if biased else None, clip, kernels)
    gradient = torch.randn(found.shape, generator=generator).bfloat16()
    found.backward(gradient)
    passed = gradient.float() * ((found > clip.low) & (found < clip.high))
    near(x.grad, torch.einsum("nohw,oi->nihw", passed, weight.float()), share=0.01)
    near(weight.grad, torch.einsum("nohw,nihw->oi", passed, x.float()), share=0.01)
    if biased:
        near(bias.grad, passed.sum((0, 2, 3)), share=0.01)


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 5), st.booleans(), st.integers(0, 9))
def test_pooling_in_one_pass_is_pytorchs(
    kernels, images: int, channels: int, side: int, ties: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(images, channels, side, side + 1, generator=generator)
    maps = (maps.round() if ties else maps).bfloat16()
    laid = maps.contiguous(memory_format=torch.channels_last)
    found = []
    for activation in (laid, laid.double()):
        activation = activation.requires_grad_()
        pooled = torch.cat(list(pool_all(("mean", "max", "std"), activation).values()), dim=1)
        weight = torch.linspace(-1, 1, pooled.shape[1], dtype=pooled.dtype)
        (gradient,) = torch.autograd.grad((pooled * weight).sum(), activation)
        found.append((pooled, gradient))
    for mine, exact in zip(*found, strict=True):
        near(mine, exact, share=0.01)


def test_the_same_work_gives_the_same_bits(kernels) -> None:
    x, g = (torch.randn(4, 12, 12, 48).bfloat16() for _ in range(2))
    first, second = (kernels.weight_gradient(x, g, size=3, stride=1, pad=(1, 1)) for _ in range(2))
    assert torch.equal(first, second)
    if not kernels.does_depthwise(3):
        return
    clipped, weight = torch.randn(4, 12, 12, 48).bfloat16(), torch.randn(48, 1, 3, 3)
    how = {"stride": 1, "pad": (1, 1), "low": 0.0, "high": 6.0, "with_input": True}
    runs = [kernels.depthwise_gradients(x, g, clipped, weight, **how) for _ in range(2)]
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def test_without_a_compiler_there_are_no_kernels(monkeypatch) -> None:
    load_kernels.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert load_kernels() is None
    load_kernels.cache_clear()


def test_a_compiler_that_fails_is_no_error(monkeypatch) -> None:
    load_kernels.cache_clear()
    monkeypatch.setenv("CC", "false")
    assert load_kernels() is None
    load_kernels.cache_clear()
