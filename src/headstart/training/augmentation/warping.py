"""Windows that lie askew over their images: all changes of place in one resampling."""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch.nn.functional import grid_sample

from headstart.config.augmentation import FillMode
from headstart.training.augmentation.cutting import GREY
from headstart.training.augmentation.placement import Placement

_CHUNK: Final = 4
"""Images resampled at a time: their floats stay in the processor's cache."""

_PADDING: Final[dict[FillMode, Literal["border", "reflection", "zeros"]]] = {
    "nearest": "border",
    "reflect": "reflection",
    "constant": "zeros",
}


def warp(
    pixels: torch.Tensor, placement: Placement, *, size_px: int, fill: FillMode
) -> torch.Tensor:
    """Return each image's window, interpolated bilinearly.

    Args:
        pixels: uint8 (N, H, W, 3).
        placement: Where the windows lie.
        size_px: Side of a window, S.
        fill: What a window shows outside of its image.

    Returns:
        uint8 (N, S, S, 3), its own memory.
    """
    look_up, centre = _look_up(placement)
    windows = torch.empty((len(pixels), size_px, size_px, 3), dtype=torch.uint8)
    for start in range(0, len(pixels), _CHUNK):
        part = slice(start, start + _CHUNK)
        grid = _grid(look_up[part], centre[part], size_px, pixels.shape[1:3])
        planes = _sampled(pixels[part], grid, fill)
        windows[part] = torch.stack(planes.unbind(1), -1)
    return windows


def _look_up(placement: Placement) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the affine map from window to image, both about their centres.

    Shapes (N, 2, 2) and (N, 2).
    """
    signs = 1.0 - 2.0 * placement.mirror.double()
    straight = torch.diag_embed(signs)
    over = torch.where(placement.transpose[:, None, None], straight.flip(1), straight)
    moved = (placement.inner @ placement.shift[:, :, None]).squeeze(2)
    return placement.inner @ over, placement.centre - moved


def _grid(
    look_up: torch.Tensor, centre: torch.Tensor, size_px: int, shape: torch.Size
) -> torch.Tensor:
    """Return where each pixel of the windows lies, in ``grid_sample``'s units: (N, S, S, 2).

    A sum of a row and a column each: a tenth of ``affine_grid``'s arithmetic.
    """
    steps = torch.arange(size_px, dtype=torch.float64) - (size_px - 1) / 2
    grid = torch.empty((len(look_up), size_px, size_px, 2))
    for axis, extent in enumerate((shape[1], shape[0])):
        along_x, along_y = (2 / extent * look_up[:, axis, other, None] * steps for other in (0, 1))
        along_y = along_y + 2 / extent * centre[:, axis, None]
        torch.add(along_x.float()[:, None, :], along_y.float()[:, :, None], out=grid[..., axis])
    return grid


def _sampled(pixels: torch.Tensor, grid: torch.Tensor, fill: FillMode) -> torch.Tensor:
    """Return the pixels at the grid's places, rounded: uint8 (N, 3, S, S)."""
    values = pixels.permute(0, 3, 1, 2).float().sub_(GREY)  # grid_sample's constant is 0
    found = grid_sample(values, grid, padding_mode=_PADDING[fill], align_corners=False)
    return found.add_(GREY + 0.5).to(torch.uint8)
