"""Stages: the network cut behind each of its taps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from math import isqrt

import torch
from torch import nn

from headstart.backbones.spec import FINAL_TAP
from headstart.training.layers import Layer


def stage_ends(layers: Sequence[Layer], stages: Sequence[str]) -> tuple[int, ...]:
    """Return how many layers have been passed where each stage's module ends.

    Args:
        layers: As :func:`headstart.training.layers.list_layers` gives them.
        stages: Modules in depth order: the taps of the backbone.
    """
    ends: list[int] = []
    for stage in stages:
        within = [la.number for la in layers if la.name == stage or la.name.startswith(f"{stage}.")]
        ends.append(max([*within[-1:], *[end - 1 for end in ends[-1:]], -1]) + 1)
    return tuple(ends)


def stage_starts(layers: Sequence[Layer], stages: Sequence[str]) -> tuple[int, ...]:
    """Return the first layer of each stage.

    A stage reaches from behind the one before it to the last layer of its module. What
    comes before the first belongs to the first. What comes after the last belongs to it
    too, unless the pictures get smaller there: then it is a stage of its own.
    """
    ends = stage_ends(layers, stages)
    starts = (0, *ends[:-1])
    if not 0 < sum(ends[-1:]) < len(layers):
        return starts
    shrinks = _side(layers[-1]) < _side(layers[ends[-1] - 1])
    return (*starts, ends[-1]) if shrinks else starts


def stage_names(layers: Sequence[Layer], stages: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the stages: their modules', and ``final`` for one without."""
    return (*stages, FINAL_TAP)[: len(stage_starts(layers, stages))]


def stage_numbers(layers: Sequence[Layer], stages: Sequence[str]) -> tuple[int, ...]:
    """Return the stage of each layer, counted from 0 at the input."""
    inner = stage_starts(layers, stages)[1:]
    return tuple(sum(layer.number >= start for start in inner) for layer in layers)


def _side(layer: Layer) -> int:
    """Return a picture's side, whichever axis its channels lie on, or as tokens in a row."""
    if len(layer.shape) == 2:
        return isqrt(layer.shape[0])
    return Counter(layer.shape).most_common(1)[0][0] if layer.shape else 0


def frozen_boundary(
    trained: Collection[str], layers: Sequence[Layer], stages: Sequence[str]
) -> str | None:
    """Return the last stage that, with everything before it, is frozen.

    What comes out of it stays the same throughout training. Whether the rest of the
    network needs nothing else is what :func:`carries_all` tells.

    Args:
        trained: Names of the weights that are trained.
        layers: The network's layers.
        stages: Modules in depth order.

    Returns:
        The stage's module; ``None`` where training reaches into the first one.
    """
    known = set(trained)
    moving = [layer.number for layer in layers if not known.isdisjoint(layer.weights)]
    first = min(moving, default=len(layers))
    ends = stage_ends(layers, stages)
    kept = [stage for stage, end in zip(stages, ends, strict=True) if 0 < end <= first]
    return kept[-1] if kept else None


def carries_all(network: nn.Module, stage: str, *, size_px: int) -> bool:
    """Tell whether the rest of a network needs only what comes out of a stage.

    Tried, not read: two different images, and the stage's output for the first given to
    the pass of the second; the answers are equal only if nothing else got through. Cells
    that also look at the cell before the last one (NASNet) fail.

    Args:
        network: In inference mode, with ``forward_features`` or else called as it is.
        stage: Name of a module.
        size_px: Side of the square it is given.
    """
    weight = next(network.parameters())
    source = torch.Generator().manual_seed(0)
    images = torch.randn(2, 1, 3, size_px, size_px, generator=source).to(weight)
    forward = getattr(network, "forward_features", network)
    kept: list[torch.Tensor] = []

    def swap(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        del module, inputs
        kept.append(output)
        return kept[0]

    hook = network.get_submodule(stage).register_forward_hook(swap)
    try:
        with torch.no_grad():
            return bool(torch.equal(forward(images[0]), forward(images[1])))
    finally:
        hook.remove()
