"""A network's convolutions rerouted to the fast way, parameters and names unchanged.

A batch norm in inference mode is an affine map, so it goes into the convolution before
it: two passes over the activations less, forward and backward. In training mode it is
fused with its activation. Which of the two is asked anew at every call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from headstart.kernels.native import Kernels
from headstart.training.conv_functions import Clip, Depthwise, Fold, Pointwise
from headstart.training.fast_dropout import reroute_dropout
from headstart.training.fast_norms import clip_of, normalised, reroute_norms, rest_of

_Bias = torch.Tensor | None
_Run = Callable[[torch.Tensor, torch.Tensor, _Bias, _Bias], torch.Tensor]


@dataclass(frozen=True)
class _Pair:
    conv: nn.Conv2d
    norm: nn.BatchNorm2d


def accelerate(network: nn.Module, example: torch.Tensor, kernels: Kernels) -> int:
    """Reroute every convolution that a batch norm follows directly, all norms and dropout.

    Only the modules' ``forward`` are replaced; :func:`restore` brings them back. The
    network must answer the example as before, else nothing is changed.

    Args:
        network: Its modes and statistics stay as they are.
        example: What it takes, float32 (N, C, H, W), a small batch.
        kernels: The compiled passes.

    Returns:
        How many convolutions go the fast way.
    """
    with torch.no_grad(), _inference(network):
        before = network(example)
        pairs = list(_pairs(network, example))
        for pair in pairs:
            _reroute(pair, kernels)
        reroute_norms(network, [pair.norm for pair in pairs], kernels)
        reroute_dropout(network, kernels)
        after = network(example)
    if not torch.allclose(before, after, rtol=1e-2, atol=1e-3 * float(before.abs().max())):
        restore(network)
        return 0
    return len(pairs)


def restore(network: nn.Module) -> None:
    """Undo :func:`accelerate`."""
    for module in network.modules():
        module.__dict__.pop("forward", None)


@contextmanager
def _inference(network: nn.Module) -> Iterator[None]:
    """Hold every module in inference mode for a while."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _pairs(network: nn.Module, example: torch.Tensor) -> Iterator[_Pair]:
    """Find convolutions whose output a batch norm takes, by running the network."""
    made: dict[int, tuple[nn.Conv2d, torch.Tensor]] = {}
    taken: list[_Pair] = []

    def keep(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            made[id(output)] = (module, output)
        elif isinstance(module, nn.BatchNorm2d) and module.affine and id(inputs[0]) in made:
            taken.append(_Pair(made[id(inputs[0])][0], module))

    hooks = [module.register_forward_hook(keep) for module in network.modules()]
    try:
        network(example)
    finally:
        for hook in hooks:
            hook.remove()
    seen = [pair.conv for pair in taken]
    return (pair for pair in taken if seen.count(pair.conv) == 1)


def _reroute(pair: _Pair, kernels: Kernels) -> None:
    conv, norm = pair.conv, pair.norm
    clip = clip_of(norm)
    folded, plain = (_route(conv, kept, kernels) for kept in (clip or Clip(), Clip()))
    rest = rest_of(norm, done=clip is not None and folded.clips)
    fused = partial(normalised, norm, kernels)
    conv.forward = partial(_convolved, pair, folded, plain)  # type: ignore[method-assign]
    norm.forward = lambda x: fused(x) if norm.training else rest(x)  # type: ignore[method-assign,assignment]


@dataclass(frozen=True)
class _Route:
    """How a convolution is computed, and whether it clips as well.

    Attributes:
        run: From input, weights, a factor for each filter and a shift; either may be none.
        clips: Whether the activation is in it.
    """

    run: _Run
    clips: bool = True


def _convolved(pair: _Pair, folded: _Route, plain: _Route, x: torch.Tensor) -> torch.Tensor:
    if torch.is_autocast_enabled("cpu"):
        x = x.to(torch.bfloat16)
    if pair.norm.training:
        return plain.run(x, pair.conv.weight, None, pair.conv.bias)
    return folded.run(x, pair.conv.weight, *_folded(pair))


def _folded(pair: _Pair) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each filter's factor and shift where a convolution does its norm's work too."""
    conv, norm = pair.conv, pair.norm
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    if conv.bias is not None:
        shift = shift + conv.bias * scale
    return scale, shift


def _route(conv: nn.Conv2d, clip: Clip, kernels: Kernels) -> _Route:
    fast = _plain_route(conv)
    stride, size = conv.stride[0], conv.kernel_size[0]
    square = len({*conv.stride}) == len({*conv.kernel_size}) == 1 and conv.dilation == (1, 1)
    if square and size == 1 and stride == 1 and conv.groups == 1:

        def pointwise(x: torch.Tensor, w: torch.Tensor, s: _Bias, b: _Bias) -> torch.Tensor:
            flat = w.flatten(1).to(x.dtype) if s is None else _apply(Fold, w, s, kernels)
            return _apply(Pointwise, x, flat, b, clip, kernels)

        fast = _Route(pointwise)
    elif square and conv.groups == conv.in_channels == conv.out_channels:

        def depthwise(x: torch.Tensor, w: torch.Tensor, s: _Bias, b: _Bias) -> torch.Tensor:
            return _apply(Depthwise, x, _scaled(w, s), b, stride, _pads(conv, x), clip, kernels)

        fast = _Route(depthwise)
    return fast if not fast.clips else _Route(_in_bfloat16(fast.run, conv, clip))


def _plain_route(conv: nn.Conv2d) -> _Route:
    """Any other convolution: PyTorch's own."""

    def run(x: torch.Tensor, w: torch.Tensor, s: _Bias, b: _Bias) -> torch.Tensor:
        return _convolve(conv, x, _scaled(w, s), b)

    return _Route(run, clips=False)


def _in_bfloat16(fast: _Run, conv: nn.Conv2d, clip: Clip) -> _Run:
    """The kernels know bfloat16 alone; anything else goes PyTorch's way."""

    def run(x: torch.Tensor, w: torch.Tensor, s: _Bias, b: _Bias) -> torch.Tensor:
        if x.dtype == torch.bfloat16:
            return fast(x, w, s, b)
        return torch.clamp(_convolve(conv, x, _scaled(w, s), b), clip.low, clip.high)

    return run


def _scaled(weight: torch.Tensor, scale: _Bias) -> torch.Tensor:
    return weight if scale is None else weight * scale[:, None, None, None]


def _convolve(conv: nn.Conv2d, x: torch.Tensor, w: torch.Tensor, b: _Bias) -> torch.Tensor:
    padded = functional.pad(x, _pads(conv, x))
    shift = None if b is None else b.to(x.dtype)
    return functional.conv2d(
        padded, w.to(x.dtype), shift, conv.stride, 0, conv.dilation, conv.groups
    )


def _apply(function: type[torch.autograd.Function], *arguments: object) -> torch.Tensor:
    result: torch.Tensor = function.apply(*arguments)
    return result


def _pads(conv: nn.Conv2d, x: torch.Tensor) -> tuple[int, int, int, int]:
    """Return zeros to the left, right, top and bottom; TensorFlow's "same" depends on the size."""
    if type(conv).__name__ == "Conv2dSame":
        (top, bottom), (left, right) = (_same(conv, x.shape[2 + axis], axis) for axis in (0, 1))
        return left, right, top, bottom
    assert isinstance(conv.padding, tuple), "padding by name"
    vertical, horizontal = conv.padding
    return horizontal, horizontal, vertical, vertical


def _same(conv: nn.Conv2d, length: int, axis: int) -> tuple[int, int]:
    stride, reach = conv.stride[axis], (conv.kernel_size[axis] - 1) * conv.dilation[axis]
    total = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0)
    return total // 2, total - total // 2
