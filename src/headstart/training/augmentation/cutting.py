"""Windows cut out of images, shifted by whole pixels: every value stays as it was."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import torch

from headstart.config.augmentation import FillMode
from headstart.training.augmentation.placement import Placement

GREY: Final = 127
"""What a constant fill, a blanked rectangle and padding have in common."""

_PAD_MODES: Final[dict[FillMode, Literal["edge", "symmetric", "constant"]]] = {
    "nearest": "edge",
    "reflect": "symmetric",
    "constant": "constant",
}


def cut(
    pixels: torch.Tensor, placement: Placement, *, size_px: int, fill: FillMode
) -> torch.Tensor:
    """Return each image's window.

    Args:
        pixels: uint8 (N, H, W, 3).
        placement: Where the windows lie; shifts are rounded, nothing else but flips is used.
        size_px: Side of a window, S.
        fill: What a window shows outside of its image.

    Returns:
        uint8 (N, S, S, 3), its own memory.
    """
    height, width = pixels.shape[1:3]
    moves = placement.shift.round().long()
    lefts = (width - size_px) // 2 - moves[:, 0]
    tops = (height - size_px) // 2 - moves[:, 1]
    pixels, border = _bordered(pixels, _missing(lefts, tops, (height, width), size_px), fill)
    windows = torch.empty((len(pixels), size_px, size_px, 3), dtype=torch.uint8)
    for row, (left, top) in enumerate(zip(lefts.tolist(), tops.tolist(), strict=True)):
        x, y = left + border, top + border
        windows[row] = _turned_over(pixels[row, y : y + size_px, x : x + size_px], placement, row)
    return windows


def _missing(lefts: torch.Tensor, tops: torch.Tensor, shape: tuple[int, int], size_px: int) -> int:
    """Return by how many pixels the window that lies farthest out leaves its image."""
    ends = (-lefts, -tops, lefts + size_px - shape[1], tops + size_px - shape[0])
    return max(0, *(int(end.max()) for end in ends)) if len(lefts) else 0


def _bordered(pixels: torch.Tensor, border: int, fill: FillMode) -> tuple[torch.Tensor, int]:
    if border == 0:
        return pixels, 0
    ends = ((0, 0), (border, border), (border, border), (0, 0))
    options = {"constant_values": GREY} if fill == "constant" else {}
    padded = np.pad(pixels.numpy(), ends, _PAD_MODES[fill], **options)  # type: ignore[call-overload]
    return torch.from_numpy(padded), border


def _turned_over(window: torch.Tensor, placement: Placement, row: int) -> torch.Tensor:
    if placement.transpose[row]:
        window = window.transpose(0, 1)
    sideways, upright = placement.mirror[row].tolist()
    axes = [axis for axis, mirrored in ((1, sideways), (0, upright)) if mirrored]
    return window.flip(axes) if axes else window
