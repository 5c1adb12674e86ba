"""Where an activation keeps its places: which axis is channels, which tokens are none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from headstart.engines.opened_graph import Array

_MOST_PREFIX_TOKENS: Final = 16


@dataclass(frozen=True)
class Places:
    """How a square of places lies in an activation of one image.

    Attributes:
        channel_axis: Of the activation, whose first axis is the batch.
        side: Places along each side.
        prefix: Tokens before the square that belong to no place: class token, registers.
    """

    channel_axis: int
    side: int
    prefix: int = 0

    def square(self, activation: Array) -> Array:
        """Return an activation of one image as (C, side, side)."""
        channels_first = np.moveaxis(activation[0], self.channel_axis - 1, 0)
        tokens = channels_first.reshape(len(channels_first), -1)[:, self.prefix :]
        square: Array = tokens.reshape(-1, self.side, self.side)
        return square


def find_places(shape: tuple[int, ...], *, channels: int) -> Places | None:
    """Tell how a square of places lies in an activation, or ``None`` where there is none.

    Args:
        shape: (1, C, H, H), (1, H, H, C), or tokens, (1, L, C) or (1, C, L).
        channels: How many the features made from it have: what tells a token axis of 1,024
            from channels.

    >>> find_places((1, 197, 768), channels=768)
    Places(channel_axis=2, side=14, prefix=1)
    >>> find_places((1, 7, 7, 1024), channels=1024)
    Places(channel_axis=3, side=7, prefix=0)
    """
    if len(shape) == 4:
        return _find_image(shape)
    return _find_tokens(shape, channels) if len(shape) == 3 else None


def _find_image(shape: tuple[int, ...]) -> Places | None:
    _, first, second, third = shape
    if second == third > 1:
        return Places(1, second)
    return Places(3, first) if first == second > 1 else None


def _find_tokens(shape: tuple[int, ...], channels: int) -> Places | None:
    for axis in (2, 1):
        others = shape[3 - axis]
        certain = shape[axis] == channels != others
        if certain or (others != channels and _prefix(others) is not None):
            prefix = _prefix(others)
            return None if prefix is None else Places(axis, math.isqrt(others), prefix)
    return None


def _prefix(tokens: int) -> int | None:
    """Return how many tokens are left over from a square, or ``None`` where too many."""
    side = math.isqrt(tokens)
    left = tokens - side * side
    return left if side > 1 and left <= min(_MOST_PREFIX_TOKENS, side) else None
