"""Gradients of the deployed graph are PyTorch's, operation by operation."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from headstart.engines.opened_graph import OpenedGraph
from headstart.explain.gradients import backward, section
from headstart.explain.rules import UnsupportedError

SIDE, CHANNELS = 6, 8
Tail = Callable[[torch.Tensor], torch.Tensor]


class Tokens(nn.Module):
    """An activation as tokens, a class token before them, then something done with them."""

    def __init__(self, then: nn.Module) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, CHANNELS))
        self.then = then

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.then(torch.cat([self.token, x.flatten(2).transpose(1, 2)], 1))


class Attention(nn.Module):
    """The last block of a vision transformer, written as timm writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(CHANNELS), nn.LayerNorm(CHANNELS)
        self.joint, self.out = nn.Linear(CHANNELS, 3 * CHANNELS), nn.Linear(CHANNELS, CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        joint = self.joint(self.before(x)).reshape(n, length, 3, 2, width // 2)
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
        shares = (query @ key.transpose(-2, -1) * 0.5).softmax(-1)
        x = x + self.out((shares @ value).transpose(1, 2).reshape(n, length, width))
        return self.after(x)[:, 0]


def pooled(module: nn.Module) -> nn.Module:
    return nn.Sequential(module, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Does(nn.Module):
    def __init__(self, tail: Tail) -> None:
        super().__init__()
        self.tail = tail

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(x)


TAILS: dict[str, Callable[[], nn.Module]] = {
    "mean": lambda: Does(lambda x: x.mean((2, 3))),
    "max": lambda: Does(lambda x: x.amax((2, 3))),
    "deviation": lambda: Does(
        lambda x: ((x - x.mean((2, 3), keepdim=True)) ** 2).mean((2, 3)).clamp_min(1e-12).sqrt()
    ),
    "convolution": lambda: pooled(nn.Conv2d(CHANNELS, 5, 3, padding=1)),
    "convolution with gaps": lambda: pooled(nn.Conv2d(CHANNELS, 5, 3, stride=2, dilation=2)),
    "strided, padded": lambda: pooled(nn.Conv2d(CHANNELS, 5, 3, stride=2, padding=1)),
    "depthwise": lambda: pooled(nn.Conv2d(CHANNELS, CHANNELS, 5, padding=2, groups=CHANNELS)),
    "grouped": lambda: pooled(nn.Conv2d(CHANNELS, 4, 3, groups=2)),
    "batch norm": lambda: pooled(nn.BatchNorm2d(CHANNELS)),
    "average pooling": lambda: nn.Sequential(nn.AvgPool2d(3, 2, 1), nn.Flatten()),
    "average without border": lambda: nn.Sequential(
        nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.Flatten()
    ),
    "maximum pooling": lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Flatten()),
    "all of it": lambda: nn.Sequential(nn.Flatten(), nn.Linear(CHANNELS * SIDE**2, 4)),
    **{
        kind.__name__: (lambda kind=kind: nn.Sequential(kind(), nn.Flatten()))
        for kind in (
            *(nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid),
            *(nn.Hardswish, nn.Hardsigmoid, nn.PReLU),
        )
    },
    "gelu by tanh": lambda: Does(lambda x: functional.gelu(x, approximate="tanh").flatten(1)),
    "squeeze and excite": lambda: Does(lambda x: (x * x.mean((2, 3), True).sigmoid()).sum((2, 3))),
    "arithmetic": lambda: Does(
        lambda x: (x.abs() + 1).log() - (x / (x * x + 1)).exp().sum(1, True)
    ),
    "halves": lambda: Does(lambda x: torch.cat([h**2 for h in x.chunk(2, 1)][::-1], 1).flatten(1)),
    "slices": lambda: Does(lambda x: (x[:, 1:5, ::2] * x[:, 3:7, 1::2]).mean((2, 3))),
    "lengths": lambda: Does(lambda x: functional.normalize(x.mean((2, 3)), dim=1)),
    "rolled": lambda: Does(lambda x: torch.roll(x * x, (1, 2), (2, 3)).amax((2, 3))),
    "layer norm": lambda: Tokens(
        Does(lambda x: functional.layer_norm(x, (CHANNELS,))[:, 1:].amax(1))
    ),
    "class token": lambda: Tokens(Attention()),
}


class Whole(nn.Module):
    def __init__(self, tail: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, CHANNELS, 1)
        self.tail = tail

    def activation(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.first(pixels.permute(0, 3, 1, 2).float() / 100 - 1)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        activation = self.activation(pixels)
        return activation, self.tail(activation)


def opened(module: Whole, folder: Path) -> OpenedGraph:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8),),
            buffer,
            dynamo=False,
            opset_version=17,
            input_names=["pixels"],
            output_names=["activation", "answer"],
            do_constant_folding=False,
        )
    (folder / "graph.onnx").write_bytes(buffer.getvalue())
    return OpenedGraph(folder / "graph.onnx")


@pytest.mark.parametrize("name", TAILS)
def test_it_is_the_gradient_of_pytorch(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Whole(TAILS[name]()).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8)
    activation = module.activation(torch.from_numpy(pixels)).detach().requires_grad_()
    answer = module.tail(activation)
    seed = torch.randn_like(answer)
    (expected,) = torch.autograd.grad(answer, activation, seed)

    graph = opened(module, tmp_path)
    start, end = graph.named("activation"), graph.named("answer")
    assert start is not None
    assert end is not None
    part = section(graph.nodes, start.name, [end.name])
    values = graph.compile(sorted(part.needed), precision="f32", threads=1)(pixels)
    found = backward(graph.nodes, part, values, {end.outputs[0]: seed.numpy()})
    scale = float(expected.abs().max())
    assert scale > 0
    np.testing.assert_allclose(found[start.outputs[0]], expected, atol=2e-4 * scale)


def test_what_cannot_be_differentiated_is_named(tmp_path: Path) -> None:
    graph = opened(Whole(Does(lambda x: x.cumsum(2).flatten(1))), tmp_path)
    start, end = graph.named("activation"), graph.named("answer")
    assert start is not None
    assert end is not None
    with pytest.raises(UnsupportedError, match="CumSum"):
        section(graph.nodes, start.name, [end.name])
