"""Where each image is looked at: drawn once for a batch, then cut out or resampled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch

from headstart.config.augmentation import AugmentationConfig
from headstart.training.augmentation.draws import Draws

_RESAMPLED: Final = ("rotation_degrees", "shear_degrees", "zoom", "resized_crop")
_SHIFTS: Final = ("width_shift", "height_shift")
_ASPECTS: Final = (3 / 4, 4 / 3)
"""Widest change of aspect of a random crop (Szegedy et al., 2015, arXiv:1409.4842)."""


@dataclass(frozen=True)
class Placement:
    """How a batch of N windows lies over its images; x is before y, in pixels.

    A window is moved by ``shift``, and turned over at the end: first transposed, then
    mirrored.

    Attributes:
        mirror: Whether left and right, top and bottom are exchanged, bool (N, 2).
        transpose: Whether rows and columns are, bool (N,).
        shift: How far the content moves right and down, (N, 2).
        inner: Window coordinates to image coordinates about its centre, (N, 2, 2).
        centre: Image coordinates of the window's centre, from the image's own, (N, 2).
    """

    mirror: torch.Tensor
    transpose: torch.Tensor
    shift: torch.Tensor
    inner: torch.Tensor
    centre: torch.Tensor


def needs_resampling(config: AugmentationConfig) -> bool:
    """Return whether any setting, resolved, puts pixels between pixels."""
    return any(getattr(config, name) is not None for name in _RESAMPLED)


def source_px(config: AugmentationConfig, size_px: int) -> int:
    """Return how large images should be loaded for views of ``size_px``.

    A seventh more, or the margin that is set, where anything is moved, so that there is
    something to move in.

    Args:
        config: Resolved settings.
        size_px: Side of the views.

    >>> source_px(AugmentationConfig(width_shift=0.1), 224)
    256
    """
    moved = needs_resampling(config) or any(getattr(config, name) for name in _SHIFTS)
    margin = 1 / 7 if config.margin is None else config.margin
    return size_px + 2 * round(size_px * margin / 2) if moved else size_px


def draw_placement(
    config: AugmentationConfig, size_px: int, shape: tuple[int, int], draws: Draws
) -> Placement:
    """Draw where each window of a batch lies.

    Args:
        config: Resolved settings.
        size_px: Side of the window, S.
        shape: (height, width) of the images.
        draws: Source of numbers; what is off draws none.
    """
    off = torch.zeros(draws.count, dtype=torch.bool)
    flips = [
        draws.coin(0.5) if wanted else off
        for wanted in (config.horizontal_flip, config.vertical_flip, config.transpose)
    ]
    shifts = [draws.either_way(share) for share in (config.width_shift, config.height_shift)]
    inner = _undone(config, draws)
    scale, centre = _crop(config, size_px, shape, draws)
    return Placement(
        mirror=torch.stack(flips[:2], 1),
        transpose=flips[2],
        shift=size_px * torch.stack(shifts, 1),
        inner=scale[:, :, None] * inner,
        centre=centre,
    )


def _undone(config: AugmentationConfig, draws: Draws) -> torch.Tensor:
    """Return the inverse of shear, then turn, then zoom: what a window has to look up."""
    angle = torch.deg2rad(draws.either_way(config.rotation_degrees))
    slope = torch.tan(torch.deg2rad(draws.either_way(config.shear_degrees)))
    zoom = draws.factor(config.zoom)
    one, none = torch.ones_like(angle), torch.zeros_like(angle)
    turn = _matrices(angle.cos(), angle.sin(), -angle.sin(), angle.cos())
    return _matrices(one, -slope, none, one) @ turn / zoom[:, None, None]


def _crop(
    config: AugmentationConfig, size_px: int, shape: tuple[int, int], draws: Draws
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pixels of the image a pixel of the window, and the window's centre: (N, 2) each."""
    whole = torch.tensor([shape[1], shape[0]], dtype=torch.float64)
    if config.resized_crop is None:
        start = torch.div(whole - size_px, 2, rounding_mode="floor")
        centre = start + (size_px - whole) / 2
        return torch.ones(draws.count, 2, dtype=torch.float64), centre.expand(draws.count, 2)
    area = draws.uniform(*config.resized_crop)
    aspect = draws.uniform(*map(math.log, _ASPECTS)).exp()
    shares = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], 1).clamp(max=1.0)
    room = whole * (1 - shares) / 2
    where = torch.stack([draws.uniform(-1.0, 1.0), draws.uniform(-1.0, 1.0)], 1)
    return shares * whole / size_px, where * room


def _matrices(*entries: torch.Tensor) -> torch.Tensor:
    """Stack the four entries of matrices, row by row: (N,) each -> (N, 2, 2)."""
    return torch.stack(entries, 1).reshape(-1, 2, 2)
