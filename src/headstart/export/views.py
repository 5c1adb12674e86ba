"""Other looks at the same square, made inside a graph, whose answers are averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from headstart.errors import UnknownNameError
from headstart.export.head_graphs import HeadGraph
from headstart.export.resizing_nodes import resample

Square = npt.NDArray[np.uint8]
_ZOOM: Final = 0.875
"""Share of the side that a closer look keeps: ImageNet's customary centre crop."""


@dataclass(frozen=True)
class View:
    """A look at a square.

    Attributes:
        name: What it is asked for by.
        summary: In words.
        add: Adds its nodes behind pixels, uint8 (N, S, S, 3), of a side S; returns the name
            of what comes out, of the same shape.
        apply: The same of one square, outside a graph: what the nodes are held against.
    """

    name: str
    summary: str
    add: Callable[[HeadGraph, str, int], str]
    apply: Callable[[Square], Square]


def _reversed(axis: int) -> Callable[[HeadGraph, str, int], str]:
    def add(nodes: HeadGraph, pixels: str, size_px: int) -> str:
        order = nodes.tensor("order", np.arange(size_px)[::-1], np.int64)
        return nodes.node("Gather", pixels, order, axis=axis)

    return add


def _zoomed(nodes: HeadGraph, pixels: str, size_px: int) -> str:
    return resample(nodes, pixels, size_px, size_px, kept=_ZOOM)


def _zoomed_square(square: Square) -> Square:
    side = len(square)
    edge = side * (1 - _ZOOM) / 2
    box = (edge, edge, side - edge, side - edge)
    image = Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image)


VIEWS: Final[Mapping[str, View]] = {
    view.name: view
    for view in (
        View("mirror", "mirrored left-right", _reversed(2), lambda square: square[:, ::-1]),
        View("flip", "mirrored top-bottom", _reversed(1), lambda square: square[::-1]),
        View("zoom", f"the central {_ZOOM:.1%} of each side", _zoomed, _zoomed_square),
    )
}


def find_view(name: str) -> View:
    """Return a view by its name.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in VIEWS:
        raise UnknownNameError("view", name, VIEWS)
    return VIEWS[name]
