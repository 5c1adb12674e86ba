"""Other looks at the same square, made inside a graph, whose answers are averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from headstart.errors import ConfigError, UnknownNameError
from headstart.export.head_graphs import HeadGraph
from headstart.export.resizing_nodes import resample

Square = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """A look at a square.

    Attributes:
        name: What it is called.
        add: Adds its nodes behind pixels, uint8 (N, S, S, 3), of a side S; returns the name
            of what comes out, of the same shape.
        apply: The same of one square, outside a graph: what the nodes are held against.
    """

    name: str
    add: Callable[[HeadGraph, str, int], str]
    apply: Callable[[Square], Square]


@dataclass(frozen=True)
class _Sized:
    """Looks through windows whose side is a share of the square's.

    Attributes:
        usual: The share where none is given.
        least: Smallest share.
        most: Largest share.
        places: Where the windows are: name -> share of the room above and left of them.
    """

    usual: float
    least: float
    most: float
    places: tuple[tuple[str, tuple[float, float]], ...] = (("", (0.5, 0.5)),)


_SIZED: Final = {
    "zoom": _Sized(0.875, 0.3, 0.99),  # ImageNet's customary centre crop
    "wide": _Sized(1.125, 1.01, 2.0),
    "corners": _Sized(
        *(0.875, 0.3, 0.99),
        (
            ("top-left", (0.0, 0.0)),
            ("top-right", (0.0, 1.0)),
            ("bottom-left", (1.0, 0.0)),
            ("bottom-right", (1.0, 1.0)),
        ),
    ),
}
VIEWS: Final = ("mirror", "flip", *_SIZED)


def find_views(name: str) -> tuple[View, ...]:
    """Return the looks that a name means: one, or four of ``corners``.

    ``mirror`` and ``flip`` turn the square about left-right and top-bottom; ``zoom`` looks at
    its middle, ``wide`` from further off, its border being carried on; ``corners`` with the
    plain square are the five crops of Krizhevsky et al. (2012, doi:10.1145/3065386). The side
    of the last three may be given as a share of the square's.

    Args:
        name: Such as ``"mirror"``, ``"zoom:0.75"``.

    Raises:
        UnknownNameError: There is none of that name.
        ConfigError: The share is none, or out of its range.

    >>> [view.name for view in find_views("corners:0.8")[:2]], find_views("zoom:0.875")[0].name
    (['corners:0.8:top-left', 'corners:0.8:top-right'], 'zoom')
    """
    kind, _, share = name.partition(":")
    if kind not in VIEWS:
        raise UnknownNameError("view", kind, VIEWS)
    if kind in _SIZED:
        return _windows(kind, share)
    if share:
        raise ConfigError(f"view {name!r}: {kind} takes no share, only {', '.join(_SIZED)} do")
    return (_MIRRORED[kind],)


def _windows(kind: str, text: str) -> tuple[View, ...]:
    sized = _SIZED[kind]
    try:
        share = float(text) if text else sized.usual
    except ValueError:
        share = float("nan")
    if not sized.least <= share <= sized.most:
        raise ConfigError(
            f"view {kind}:{text}: expected a share of the square's side from {sized.least:g} to "
            f"{sized.most:g}, such as {kind}:{sized.usual:g}"
        )
    name = kind if share == sized.usual else f"{kind}:{share:g}"
    return tuple(
        _window(f"{name}:{place}" if place else name, share, at) for place, at in sized.places
    )


def _window(name: str, share: float, at: tuple[float, float]) -> View:
    def add(nodes: HeadGraph, pixels: str, size_px: int) -> str:
        return resample(nodes, pixels, size_px, size_px, kept=share, at=at)

    def apply(square: Square) -> Square:
        side = len(square)
        border = side if share > 1 else 0
        wider = np.pad(square, ((border, border), (border, border), (0, 0)), mode="edge")
        top, left = (border + side * (1 - share) * place for place in at)
        box = (left, top, left + share * side, top + share * side)
        image = Image.fromarray(wider).resize((side, side), Image.Resampling.BICUBIC, box=box)
        return np.asarray(image)

    return View(name, add, apply)


def _reversed(axis: int) -> Callable[[HeadGraph, str, int], str]:
    def add(nodes: HeadGraph, pixels: str, size_px: int) -> str:
        order = nodes.tensor("order", np.arange(size_px)[::-1], np.int64)
        return nodes.node("Gather", pixels, order, axis=axis)

    return add


_MIRRORED: Final = {
    "mirror": View("mirror", _reversed(2), lambda square: square[:, ::-1]),
    "flip": View("flip", _reversed(1), lambda square: square[::-1]),
}
