"""Batch normalisation in training mode, with its clip, in four passes over bfloat16 memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from headstart.kernels.native import Kernels
from headstart.training.conv_functions import Clip, new_image, rows_of


class Normalise(torch.autograd.Function):
    """clip(batch norm(x)) by the batch's own statistics: channels-last (N, C, H, W).

    Or of max(x, 0): networks of Keras users have the ReLU before the norm.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        norm: nn.BatchNorm2d,
        clip: Clip,
        kernels: Kernels,
        rectifies: bool = False,
    ) -> torch.Tensor:
        """Return bfloat16 like ``x``; the norm's running statistics move on.

        Args:
            ctx: What is kept for the backward pass.
            x: bfloat16, shape (N, C, H, W).
            weight: Scale, shape (C,).
            bias: Shift, shape (C,).
            norm: Whose statistics move.
            clip: What follows.
            kernels: The compiled passes.
            rectifies: Whether ``x`` goes through a ReLU first.
        """
        rows, out = rows_of(x), new_image(x, x.shape)
        rectified = torch.empty_like(rows) if rectifies else None
        mean, variance = kernels.moments(rows, rectified=rectified)
        rows = rows if rectified is None else rectified
        _move_statistics(norm, mean, variance, len(rows))
        spread = torch.rsqrt(variance + norm.eps)
        scale = weight.float() * spread
        shift = bias.float() - mean * scale
        kernels.normalise(rows, scale, shift, clip.low, clip.high, out=rows_of(out))
        ctx.save_for_backward(rows, out if clip.is_on else None, mean, spread, scale)
        ctx.clip, ctx.kernels, ctx.rectifies = clip, kernels, rectifies
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of input, scale and shift."""
        rows, clipped, mean, spread, scale = ctx.saved_tensors
        clip, kernels = ctx.clip, ctx.kernels
        y = rows if clipped is None else rows_of(clipped)
        g, x = rows_of(gradient), new_image(gradient, gradient.shape)
        total, product = kernels.norm_sums(g, y, rows, mean, clip.low, clip.high)
        by_x = -scale * spread * spread * product / len(rows)
        rest = -scale * total / len(rows) - by_x * mean
        factors = (scale, by_x, rest)
        kernels.norm_backward(
            g, y, rows, factors, clip.low, clip.high, rectified=ctx.rectifies, out=rows_of(x)
        )
        return x, product * spread, total, None, None, None, None


@torch.no_grad()
def _move_statistics(
    norm: nn.BatchNorm2d, mean: torch.Tensor, variance: torch.Tensor, rows: int
) -> None:
    """Do what PyTorch does: the running variance is the unbiased one."""
    if norm.running_mean is None or norm.running_var is None:
        return
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    momentum = norm.momentum
    share = 1 / float(norm.num_batches_tracked) if momentum is None else momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    unbiased = variance * (rows / max(1, rows - 1))
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), share)
