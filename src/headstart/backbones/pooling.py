"""From an activation, however its axes lie, to one vector an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch

from headstart.backbones.spec import FLAT
from headstart.kernels.library import load_kernels
from headstart.kernels.native import Kernels

_LEAST_VARIANCE = 1e-12
"""Below it the square root's gradient would not be finite: a 1x1 activation has none at all."""

Pooling = Callable[[torch.Tensor], torch.Tensor]


def channels_first(
    activation: torch.Tensor, *, channels_last: bool, prefix_tokens: int
) -> torch.Tensor:
    """Return an activation as (N, C, places) or (N, C, H, W).

    Args:
        activation: (N, C, H, W), (N, H, W, C) or tokens (N, L, C).
        channels_last: Whether four axes mean (N, H, W, C).
        prefix_tokens: Leading tokens that belong to no place and are left out.
    """
    if activation.ndim == 3:
        return activation[:, prefix_tokens:].transpose(1, 2)
    return activation.permute(0, 3, 1, 2) if channels_last else activation


def pool(statistic: str, activation: torch.Tensor) -> torch.Tensor:
    """Return one statistic over all places: (N, C, ...) to (N, C); ``flat`` keeps them all."""
    return POOLINGS[statistic](activation)


def _places(activation: torch.Tensor) -> tuple[int, ...]:
    return tuple(range(2, activation.ndim))


def _mean(activation: torch.Tensor) -> torch.Tensor:
    return activation.mean(_places(activation))


def _max(activation: torch.Tensor) -> torch.Tensor:
    return activation.amax(_places(activation))


def _std(activation: torch.Tensor) -> torch.Tensor:
    places = _places(activation)
    centred = activation - activation.mean(places, keepdim=True)
    return (centred * centred).mean(places).clamp_min(_LEAST_VARIANCE).sqrt()


def _flat(activation: torch.Tensor) -> torch.Tensor:
    return activation.flatten(1)


POOLINGS: Final[Mapping[str, Pooling]] = {"mean": _mean, "max": _max, "std": _std, FLAT: _flat}
"""Statistics over the places of an activation."""


def pool_all(statistics: Iterable[str], activation: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return several statistics: name -> (N, C), or (N, C times places) for ``flat``.

    Their gradients come in one go where there is more than one.
    """
    wanted = tuple(statistics)
    together = tuple(name for name in wanted if name in _TOGETHER)
    if len(together) < 2 or not (activation.requires_grad and torch.is_grad_enabled()):
        return {name: pool(name, activation) for name in wanted}
    pooled: tuple[torch.Tensor, ...] = _Pooled.apply(activation, together)
    found = dict(zip(together, pooled, strict=True))
    return {name: found[name] if name in found else pool(name, activation) for name in wanted}


_TOGETHER: Final = ("mean", "max", "std")


class _Pooled(torch.autograd.Function):
    """Mean, maximum and deviation with one gradient, laid out in memory as the activation.

    PyTorch's own gradients of them are twenty passes over the activation, some of them
    laid out otherwise; the tail of a network on cached activations feels that.
    """

    @staticmethod
    def forward(
        ctx: Any, activation: torch.Tensor, statistics: tuple[str, ...]
    ) -> tuple[torch.Tensor, ...]:
        """Return the statistics asked for, each (N, C)."""
        kernels = _kernels_for(activation)
        if kernels is None:
            found = every = tuple(POOLINGS[name](activation) for name in statistics)
        else:
            every = kernels.pool(_dense(activation), _LEAST_VARIANCE)
            found = tuple(every[_TOGETHER.index(name)] for name in statistics)
        # An output kept as an attribute would keep its own graph, and all below it, for ever.
        ctx.save_for_backward(activation, *every)
        ctx.statistics, ctx.kernels = statistics, kernels
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradient of the activation."""
        activation, *found = ctx.saved_tensors
        wanted = dict(zip(ctx.statistics, gradients, strict=True))
        if ctx.kernels is not None:
            return _in_one_pass(ctx.kernels, activation, tuple(found), wanted), None
        values = dict(zip(ctx.statistics, found, strict=True))
        total = torch.zeros_like(activation)
        if "std" in wanted:
            total = _std_gradient(activation, values["std"], wanted["std"])
        if "max" in wanted:
            highest = activation == _wide(values["max"], activation)
            share = wanted["max"] / highest.sum(_places(activation))
            total.addcmul_(highest.to(total.dtype), _wide(share, activation).to(total.dtype))
        if "mean" in wanted:
            total.add_(_wide(wanted["mean"], activation), alpha=1 / activation[0, 0].numel())
        return total, None


def _kernels_for(activation: torch.Tensor) -> Kernels | None:
    """Return what pools in one pass, where it can."""
    if (
        activation.dtype != torch.bfloat16
        or activation.device.type != "cpu"
        or not activation.movedim(1, -1).is_contiguous()
        or torch.compiler.is_compiling()
    ):
        return None
    return load_kernels()


def _dense(activation: torch.Tensor) -> torch.Tensor:
    return activation.movedim(1, -1)


def _in_one_pass(
    kernels: Kernels,
    activation: torch.Tensor,
    found: tuple[torch.Tensor, ...],
    wanted: Mapping[str, torch.Tensor],
) -> torch.Tensor:
    none = torch.zeros_like(found[0])
    gradients = [
        wanted[name].float().contiguous() if name in wanted else none for name in _TOGETHER
    ]
    laid = kernels.pool_gradient(_dense(activation), found, gradients, _LEAST_VARIANCE)
    return laid.movedim(-1, 1)


def _std_gradient(
    activation: torch.Tensor, std: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    flat = std.float().square() <= _LEAST_VARIANCE  # held there: no gradient
    share = torch.where(flat, 0.0, gradient / (std * activation[0, 0].numel()))
    centred = activation - activation.mean(_places(activation), keepdim=True)
    return centred.mul_(_wide(share, activation))


def _wide(values: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
    """Return (N, C) values so that they spread over the places of an activation."""
    return values.reshape(*values.shape, *(1,) * (activation.ndim - 2))
