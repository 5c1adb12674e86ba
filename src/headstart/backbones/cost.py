"""What one image costs a network, counted without computing it."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode


def count_gmacs(network: torch.nn.Module, size_px: int) -> float:
    """Return the multiply-accumulates of one image, in 10^9.

    Counted are convolutions, matrix products and attention, the classifier included;
    norms, activations and resampling are not, as is the field's habit.

    Args:
        network: Best built on PyTorch's ``meta`` device: nothing is then computed.
        size_px: Side of the square.
    """
    device = next(network.parameters()).device
    counter = FlopCounterMode(display=False)
    with counter:  # its tracker of modules asks every tensor for its gradient's origin
        network(torch.zeros(1, 3, size_px, size_px, device=device))
    return float(counter.get_total_flops()) / 2e9


def count_parameters(network: torch.nn.Module) -> int:
    """Return the number of trainable weights."""
    return sum(weight.numel() for weight in network.parameters())
