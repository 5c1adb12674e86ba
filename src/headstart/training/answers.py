"""What a network in training says of images, without changing it."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import nn

from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples

_BATCH: Final = 64


@torch.no_grad()
def answer(
    network: nn.Module, examples: Examples, arithmetic: Arithmetic, device: torch.device
) -> torch.Tensor:
    """Return logits, float32 (N, K), on the CPU; the network is left in inference mode."""
    network.eval()
    rows = np.arange(len(examples))
    found = []
    for part in np.array_split(rows, -(-len(rows) // _BATCH)):
        inputs = examples.inputs.read(part).to(device)
        with arithmetic.applied(device):
            logits = network(inputs)
        found.append(logits.float().cpu())
    return torch.cat(found)
