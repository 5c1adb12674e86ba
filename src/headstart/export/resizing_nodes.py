"""Squares made smaller inside a graph, as Pillow makes them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from headstart.evaluation.counts import Floats
from headstart.export.head_graphs import HeadGraph

_SHARPNESS = -0.5
"""Of Pillow's bicubic filter: Keys, IEEE TASSP 29 (1981), doi:10.1109/TASSP.1981.1163711."""


def resized(graph: onnx.GraphProto, pixels: str, from_px: int, to_px: int) -> str:
    """Add nodes that shrink squares, and return the name of the result.

    Args:
        graph: Changed in place.
        pixels: Name of uint8 (N, S, S, 3).
        from_px: Side S.
        to_px: Side of the squares wished for.
    """
    return resample(HeadGraph(graph, f"resized.{to_px}."), pixels, from_px, to_px)


def resample(
    nodes: HeadGraph,
    pixels: str,
    from_px: int,
    to_px: int,
    *,
    kept: float = 1.0,
    at: tuple[float, float] = (0.5, 0.5),
) -> str:
    """Add nodes that look at squares through a window, and return the name of the result.

    Args:
        nodes: Where they go.
        pixels: Name of uint8 (N, S, S, 3).
        from_px: Side S.
        to_px: Side of the squares wished for.
        kept: Share of the side that is looked at; above 1 the border is carried on.
        at: Share of the room about the window that is above and left of it.
    """
    down, across = (bicubic_shares(from_px, to_px, kept=kept, at=place) for place in at)
    planes = nodes.node("Transpose", pixels, perm=[0, 3, 1, 2])
    values = nodes.node("Cast", planes, to=TensorProto.FLOAT)
    lower = nodes.node("MatMul", nodes.tensor("rows", down), values)
    smaller = nodes.node("MatMul", lower, nodes.tensor("columns", across.T))
    whole = nodes.node("Round", smaller)
    clipped = nodes.node("Clip", whole, nodes.number(0.0), nodes.number(255.0))
    last = nodes.node("Transpose", clipped, perm=[0, 2, 3, 1])
    return nodes.node("Cast", last, to=TensorProto.UINT8)


def bicubic_shares(from_px: int, to_px: int, *, kept: float = 1.0, at: float = 0.5) -> Floats:
    """Return what each pixel of a line gives to each of another, shape (to_px, from_px).

    Args:
        from_px: Length of the line.
        to_px: Length wished for.
        kept: Share of the line that is looked at; above 1 its ends are carried on.
        at: Share of the rest that lies before that.

    >>> bicubic_shares(4, 2).round(3).tolist()
    [[0.459, 0.459, 0.12, -0.037], [-0.037, 0.12, 0.459, 0.459]]
    """
    scale = from_px * kept / to_px
    reach = max(scale, 1.0)
    first = from_px * (1 - kept) * at
    centres = first + (np.arange(to_px) + 0.5) * scale
    beyond = from_px if kept > 1 else 0
    places = np.arange(-beyond, from_px + beyond)
    shares = _bicubic(np.abs((places + 0.5)[None] - centres[:, None]) / reach)
    inside = shares[:, beyond : beyond + from_px].copy()
    inside[:, 0] += shares[:, :beyond].sum(axis=1)
    inside[:, -1] += shares[:, beyond + from_px :].sum(axis=1)
    return np.asarray(inside / shares.sum(axis=1, keepdims=True))


def _bicubic(away: Floats) -> Floats:
    near = ((_SHARPNESS + 2) * away - (_SHARPNESS + 3)) * away**2 + 1
    far = (((away - 5) * away + 8) * away - 4) * _SHARPNESS
    return np.where(away < 1, near, np.where(away < 2, far, 0.0))
