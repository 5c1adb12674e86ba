"""Random erasing: a rectangle of the image is blanked (Zhong et al., 2020, arXiv:1708.04896)."""

from __future__ import annotations

import math
from typing import Final

import torch

from headstart.training.augmentation.cutting import GREY
from headstart.training.augmentation.draws import Draws

_AREAS: Final = (0.02, 0.33)
_ASPECTS: Final = (0.3, 3.3)


def erase(pixels: torch.Tensor, share: float, draws: Draws) -> torch.Tensor:
    """Return images of which some have a grey rectangle, in new memory.

    Args:
        pixels: uint8 (N, S, S, 3).
        share: Probability that an image has one.
        draws: Source of numbers: five an image.
    """
    side = pixels.shape[1]
    chosen = draws.coin(share)
    area = draws.uniform(*_AREAS)
    aspect = draws.uniform(*map(math.log, _ASPECTS)).exp()
    sides = torch.stack([(area / aspect).sqrt(), (area * aspect).sqrt()], 1)
    sizes = (side * sides).round().long().clamp(1, side)
    place = torch.stack([draws.uniform(0.0, 1.0), draws.uniform(0.0, 1.0)], 1)
    starts = (place * (side - sizes + 1)).long()
    erased = pixels.clone()
    for row in chosen.nonzero().flatten().tolist():
        (top, left), (height, width) = starts[row].tolist(), sizes[row].tolist()
        erased[row, top : top + height, left : left + width] = GREY
    return erased
