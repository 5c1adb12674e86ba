"""Dropout rerouted to one pass over bfloat16 memory, and one back."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from headstart.kernels.native import Kernels
from headstart.training.conv_functions import new_image


def reroute_dropout(network: nn.Module, kernels: Kernels) -> None:
    """Let dropout between a network's layers draw its places the fast way."""
    for module in network.modules():
        if type(module) is nn.Dropout:
            module.forward = partial(_dropped, module, kernels)  # type: ignore[method-assign]


class Drop(torch.autograd.Function):
    """What ``torch.nn.Dropout`` does in training; PyTorch draws place after place."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, share: float, kernels: Kernels) -> torch.Tensor:
        """Return ``x`` with a share of its values zero, the others larger for it.

        Args:
            ctx: What is kept for the backward pass: the seed, drawn from PyTorch's generator.
            x: bfloat16, of any shape.
            share: In [0, 1).
            kernels: The compiled passes.
        """
        ctx.seed, ctx.share, ctx.kernels = int(torch.randint(2**63 - 1, ())), share, kernels
        return _applied(x, ctx)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradient of the input: the same places, the same factor."""
        return _applied(gradient, ctx), None, None


def _applied(x: torch.Tensor, ctx: Any) -> torch.Tensor:
    out = new_image(x, x.shape) if x.ndim == 4 else torch.empty(x.shape, dtype=x.dtype)
    ctx.kernels.drop(_flat(x), seed=ctx.seed, share=ctx.share, out=_flat(out))
    return out


def _flat(x: torch.Tensor) -> torch.Tensor:
    """Return the values in one order, (N, C, H, W) as channels last."""
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).contiguous().view(-1)


def _dropped(module: nn.Dropout, kernels: Kernels, x: torch.Tensor) -> torch.Tensor:
    if module.training and x.dtype == torch.bfloat16 and 0 < module.p < 1:
        found: torch.Tensor = Drop.apply(x, module.p, kernels)
        return found
    usual: torch.Tensor = type(module).forward(module, x)
    return usual
