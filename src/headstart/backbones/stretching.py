"""Adaptive average pooling as two matrix products, which every exporter and engine knows.

ONNX has no adaptive pooling where the output does not divide the input; VGG needs it for
squares below 224 px, whose last activation is smaller than the 7x7 its dense layers see.
"""

from __future__ import annotations

import torch
from torch import nn


def adaptive_average(activation: torch.Tensor, side: int) -> torch.Tensor:
    """Return what :func:`torch.nn.functional.adaptive_avg_pool2d` returns.

    Args:
        activation: (N, C, H, W).
        side: Height and width of the answer.
    """
    height, width = (int(length) for length in activation.shape[-2:])  # constants when traced
    rows = _averaging(height, side).to(activation)
    columns = _averaging(width, side).to(activation)
    return rows @ activation @ columns.T


def stretch_small_inputs(module: nn.Module, side: int) -> None:
    """Make a module see at least ``side`` x ``side`` places, as adaptive pooling would."""

    def stretch(
        module: nn.Module, inputs: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...] | None:
        del module
        (activation,) = inputs
        small = activation.shape[-2] < side or activation.shape[-1] < side
        return (adaptive_average(activation, side),) if small else None

    module.register_forward_pre_hook(stretch)


def _averaging(places: int, side: int) -> torch.Tensor:
    """Return the matrix (side, places) whose rows average the places of one output each.

    Made of plain numbers, so that it is a constant of a traced graph: written into place by
    place it became ``ScatterND`` and shapes that ONNX Runtime refuses.
    """
    edges = [(row * places // side, -(-(row + 1) * places // side)) for row in range(side)]
    rows = [
        [(start <= place < end) / (end - start) for place in range(places)] for start, end in edges
    ]
    return torch.tensor(rows)
