"""From an activation, however its axes lie, to one vector an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch

from headstart.backbones.spec import FLAT

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
