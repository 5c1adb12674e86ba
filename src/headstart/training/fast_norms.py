"""Batch norms rerouted to passes of our own, for training on a CPU in bfloat16."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from headstart.kernels.native import Kernels
from headstart.training.conv_functions import Clip
from headstart.training.norm_functions import Normalise

_CLIPS = {nn.ReLU: Clip(low=0.0), nn.ReLU6: Clip(0.0, 6.0), nn.Identity: Clip()}


def reroute_norms(network: nn.Module, done: Collection[nn.Module], kernels: Kernels) -> None:
    """Let batch norms that train go the fast way; in inference mode they stay as they are.

    One that follows a ReLU in a chain takes it in, as in networks of Keras users, which
    have convolution, ReLU, norm.

    Args:
        network: Its modules' ``forward`` are replaced.
        done: Norms that are rerouted already.
        kernels: The compiled passes.
    """
    rectifiers = {norm: relu for relu, norm in _rectified(network)}
    for norm in network.modules():
        if not isinstance(norm, nn.BatchNorm2d) or norm in done or not norm.affine:
            continue
        relu = rectifiers.get(norm)
        if relu is not None:
            relu.forward = partial(_left_to, norm)  # type: ignore[method-assign]
        fast = partial(normalised, norm, kernels, rectifies=relu is not None)
        norm.forward = fast  # type: ignore[method-assign]


def normalised(
    norm: nn.BatchNorm2d, kernels: Kernels, x: torch.Tensor, *, rectifies: bool = False
) -> torch.Tensor:
    """Do what a norm does, activation included; the fast way where it trains in bfloat16.

    Args:
        norm: Affine.
        kernels: The compiled passes.
        x: Shape (N, C, H, W).
        rectifies: Whether the ReLU before it left its work to it: see :func:`_left_to`.
    """
    if not _is_fast(norm, x):
        usual: torch.Tensor = type(norm).forward(norm, x)
        return usual
    clip = clip_of(norm)
    parts = (norm.weight, norm.bias, norm, clip or Clip(), kernels, rectifies)
    found: torch.Tensor = Normalise.apply(x, *parts)
    return rest_of(norm, done=clip is not None)(found)


def clip_of(norm: nn.BatchNorm2d) -> Clip | None:
    """Return the activation that a norm brings along (timm's do), where it only clips."""
    drop, act = getattr(norm, "drop", None), getattr(norm, "act", None)
    if act is None:
        return Clip()
    return _CLIPS.get(type(act)) if isinstance(drop, nn.Identity) else None


def rest_of(norm: nn.BatchNorm2d, *, done: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what is left of a norm that was folded away: its activation, unless done."""
    act, drop = getattr(norm, "act", None), getattr(norm, "drop", None)
    if done or act is None:
        return lambda x: x
    return lambda x: act(drop(x) if drop is not None else x)


def _rectified(network: nn.Module) -> Iterator[tuple[nn.ReLU, nn.BatchNorm2d]]:
    """Yield each ReLU and norm that follow one another in a chain and are nowhere else."""
    times = Counter(module for _, module in network.named_modules(remove_duplicate=False))
    for chain in network.modules():
        if not isinstance(chain, nn.Sequential):
            continue
        for relu, norm in pairwise(chain):
            if not isinstance(relu, nn.ReLU) or not isinstance(norm, nn.BatchNorm2d):
                continue
            if times[relu] == times[norm] == 1:
                yield relu, norm


def _is_fast(norm: nn.BatchNorm2d, x: torch.Tensor) -> bool:
    return norm.training and x.dtype == torch.bfloat16


def _left_to(norm: nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
    """Do what a ReLU does, unless the norm behind it will."""
    return x if _is_fast(norm, x) else functional.relu(x)
