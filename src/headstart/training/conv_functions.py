"""Convolutions whose gradients take the fast way on a CPU in bfloat16.

A pointwise convolution is a matrix product on channels-last memory; a depthwise one
has gradients that PyTorch computes slowly (see ``kernels/depthwise.c``). A clipping
activation is taken in: its output alone tells where the gradient passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional

from headstart.kernels.native import Kernels

_backward: Final = torch.ops.aten.convolution_backward
_product: Final = torch.ops.mkldnn._linear_pointwise
_convolution: Final = torch.ops.mkldnn._convolution_pointwise
"""What PyTorch's compiler calls: bias and activation in the product's own pass over memory."""


@dataclass(frozen=True)
class Clip:
    """An activation that clips: ReLU, ReLU6, or none."""

    low: float = -torch.inf
    high: float = torch.inf

    @property
    def is_on(self) -> bool:
        """Whether it changes anything."""
        return self != Clip()

    @property
    def after(self) -> tuple[str, list[float], str]:
        """How oneDNN is told to do it on the way out of a product: name, numbers, variant."""
        return ("hardtanh", [self.low, self.high], "") if self.is_on else ("none", [], "")


class Fold(torch.autograd.Function):
    """Weights of a 1x1 convolution times a factor for each filter, in bfloat16.

    One pass over the weights, and one for both gradients: PyTorch takes seven.
    """

    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, scale: torch.Tensor, kernels: Kernels
    ) -> torch.Tensor:
        """Return weights (O, I) of weights (O, I, 1, 1) and factors (O,)."""
        flat, factors = weight.detach().view(weight.shape[:2]), scale.detach().contiguous()
        ctx.save_for_backward(flat, factors)
        ctx.kernels, ctx.shape = kernels, weight.shape
        return kernels.fold(flat, factors)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of weights and factors."""
        weight, scale = ctx.kernels.fold_gradient(gradient.contiguous(), *ctx.saved_tensors)
        return weight.view(ctx.shape), scale, None


class Pointwise(torch.autograd.Function):
    """1x1 convolution with bias and clip: channels-last (N, C, H, W) in and out."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        clip: Clip,
        kernels: Kernels,
    ) -> torch.Tensor:
        """Return clip(conv(x)); ``x`` and ``weight`` (O, I) are of one type."""
        n, _, h, w = x.shape
        rows, shift = rows_of(x), None if bias is None else bias.to(x.dtype)
        y = _product(rows, weight, shift, *clip.after)
        out = _image_of(y, (n, len(weight), h, w))
        ctx.save_for_backward(rows, weight, out if clip.is_on else None)
        ctx.clip, ctx.kernels, ctx.shape, ctx.biased = clip, kernels, x.shape, bias is not None
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of input, weight and bias."""
        rows, packed, y = ctx.saved_tensors
        kernels: Kernels = ctx.kernels
        wanted_x, wanted_weight = ctx.needs_input_grad[:2]
        x: torch.Tensor | None
        weight: torch.Tensor | None
        bias: torch.Tensor | None
        g = rows_of(gradient)
        if wanted_weight and kernels.does_pointwise(len(rows), packed.numel()):
            clipped = None if y is None else rows_of(y)
            ends = {"low": ctx.clip.low, "high": ctx.clip.high}
            x, weight, bias = kernels.pointwise_gradients(
                rows, g, clipped, packed, **ends, with_input=wanted_x
            )
            bias = bias if ctx.biased else None
        else:
            g, bias = _through_clip(g, y, ctx)
            x = g @ packed if wanted_x else None
            weight = g.t() @ rows if wanted_weight else None
        return None if x is None else _image_of(x, ctx.shape), weight, bias, None, None


class Depthwise(torch.autograd.Function):
    """Depthwise convolution with bias and clip: channels-last (N, C, H, W) in and out."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        stride: int,
        pads: tuple[int, int, int, int],
        clip: Clip,
        kernels: Kernels,
    ) -> torch.Tensor:
        """Return clip(conv(x)), in the type of ``x``.

        Args:
            ctx: What is kept for the backward pass.
            x: Shape (N, C, H, W).
            weight: Shape (C, 1, K, K).
            bias: Shape (C,), or none.
            stride: Both ways.
            pads: Zeros to the left, right, top and bottom.
            clip: What follows.
            kernels: The compiled gradients.
        """
        left, right, top, bottom = pads
        even = left == right and top == bottom
        padded, padding = (x, (top, left)) if even else (functional.pad(x, pads), (0, 0))
        packed = weight.to(x.dtype)
        channels = x.shape[1]
        shift = None if bias is None else bias.to(x.dtype)
        sizes = [*padding], [stride, stride], [1, 1], channels
        y = _convolution(padded, packed, shift, *sizes, *clip.after)
        out: torch.Tensor = y.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(_dense(x), weight, out if clip.is_on else None)
        ctx.clip, ctx.kernels, ctx.stride, ctx.pads = clip, kernels, stride, pads
        ctx.biased = bias is not None
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of input, weight and bias."""
        x, weight, y = ctx.saved_tensors
        kernels, stride = ctx.kernels, ctx.stride
        left, _, top, _ = ctx.pads
        size = weight.shape[-1]
        if kernels.does_depthwise(size):
            return _all_at_once(ctx, _dense(gradient))
        g, bias = _through_clip(_dense(gradient), y, ctx)
        new_weight = kernels.weight_gradient(x, g, size=size, stride=stride, pad=(top, left))
        new_x = _input_gradient(ctx, g, weight, x) if ctx.needs_input_grad[0] else None
        return new_x, new_weight, bias, None, None, None, None


def _all_at_once(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    x, weight, y = ctx.saved_tensors
    left, _, top, _ = ctx.pads
    kernels: Kernels = ctx.kernels
    new_x, new_weight, bias = kernels.depthwise_gradients(
        x,
        gradient,
        None if y is None else _dense(y),
        weight,
        stride=ctx.stride,
        pad=(top, left),
        low=ctx.clip.low,
        high=ctx.clip.high,
        with_input=ctx.needs_input_grad[0],
    )
    nchw = None if new_x is None else new_x.permute(0, 3, 1, 2)
    return nchw, new_weight, bias if ctx.biased else None, None, None, None, None


def _input_gradient(
    ctx: Any, g: torch.Tensor, weight: torch.Tensor, x: torch.Tensor
) -> torch.Tensor:
    left, right, top, bottom = ctx.pads
    if ctx.stride == 1 and left == right and top == bottom:  # PyTorch is fast at these
        channels_first = (g.permute(0, 3, 1, 2), x.permute(0, 3, 1, 2), weight.to(g.dtype))
        groups, mask = x.shape[-1], (True, False, False)
        options = ((1, 1), (top, left), (1, 1), False, (0, 0), groups, mask)
        found: torch.Tensor = _backward(*channels_first, None, *options)[0]
        return found
    nhwc: torch.Tensor = ctx.kernels.input_gradient(
        g, weight, x.shape, stride=ctx.stride, pad=(top, left)
    )
    return nhwc.permute(0, 3, 1, 2)


def _through_clip(
    gradient: torch.Tensor, output: torch.Tensor | None, ctx: Any
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the gradient before the clip, and that of the bias: its sums over all but channels."""
    if output is not None:
        kernels: Kernels = ctx.kernels
        kept = _dense(output).view(gradient.shape)
        masked, bias = kernels.clip_gradient(gradient, kept, ctx.clip.low, ctx.clip.high)
        return masked, bias if ctx.biased else None
    if not ctx.biased:
        return gradient, None
    rows = gradient.view(-1, gradient.shape[-1])
    return gradient, (torch.ones(1, len(rows), dtype=rows.dtype) @ rows)[0].float()


def rows_of(x: torch.Tensor) -> torch.Tensor:
    """Return (N, C, H, W) as dense rows (N*H*W, C): no copy where memory is channels last."""
    return _dense(x).view(-1, x.shape[1])


def _image_of(rows: torch.Tensor, shape: tuple[int, int, int, int]) -> torch.Tensor:
    """Return dense rows (N*H*W, C) as (N, C, H, W); no view, so what follows may work in place."""
    _, c, h, w = shape
    strides = (h * w * c, 1, w * c, c)
    return rows.new_empty(0).set_(rows.untyped_storage(), 0, shape, strides)


def new_image(like: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return room for (N, C, H, W), channels last; no view, so what follows may work in place."""
    options = {"dtype": like.dtype, "memory_format": torch.channels_last}
    return torch.empty(*shape, **options)  # type: ignore[call-overload,no-any-return]


def _dense(x: torch.Tensor) -> torch.Tensor:
    """Return (N, C, H, W) as contiguous (N, H, W, C): no copy where memory is channels last."""
    return x.permute(0, 2, 3, 1).contiguous()
