"""A network as an SVG drawing: a row a stage, a box a layer, as high as its pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from textwrap import wrap
from typing import Final

_INK, _GREY = "#16202B", "#5B6670"
_COLOURS: Final = {
    "convolution": "#0072B2",
    "normalisation": "#E69F00",
    "activation": "#009E73",
    "pooling": "#CC79A7",
    "fully connected": "#D55E00",
    "other": "#7A858F",
}
"""Okabe and Ito's palette, told apart by people with any colour vision."""
_WORDS: Final = (
    ("norm", "normalisation"),
    ("conv", "convolution"),
    ("pool", "pooling"),
    ("linear", "fully connected"),
    *((word, "activation") for word in ("relu", "lu", "swish", "mish", "sigmoid", "tanh")),
)
_WIDTH, _MARGIN, _GAP, _LINE = 1080.0, 24.0, 2.0, 20.0
_FADED = 0.22
_LINE_LETTERS, _MOST_STRETCH = 145, 2.2
_LARGEST_PX = 224.0


@dataclass(frozen=True)
class DrawnLayer:
    """One box.

    Attributes:
        label: Shown when the pointer rests on it.
        kind: Class of the layer, which decides the colour.
        shape: Of its output, without the batch axis, which decides the size.
        faded: Whether it is drawn pale: frozen.
    """

    label: str
    kind: str
    shape: tuple[int, ...]
    faded: bool = False


@dataclass(frozen=True)
class DrawnRow:
    """Layers that belong together, under one title."""

    title: str
    layers: tuple[DrawnLayer, ...]


@dataclass(frozen=True)
class _Box:
    layer: DrawnLayer
    width: float
    height: float


def draw_network(title: str, subtitle: str, rows: Sequence[DrawnRow]) -> str:
    """Return a drawing of a network, on white, that needs no font and no script.

    Args:
        title: Its name.
        subtitle: A line or several under it.
        rows: Stages from the input to the output.
    """
    about = [part for line in subtitle.splitlines() for part in wrap(line, _LINE_LETTERS)]
    parts = list(_heading(title, about, rows))
    y = _MARGIN + 34 + _LINE * (len(about) + 1)
    stretch = _stretch(rows)
    for row in rows:
        drawn, y = _row(row, y, stretch)
        parts += drawn
    height = y + _MARGIN - 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}" '
        f'width="{_WIDTH:g}" height="{height:g}" font-family="system-ui, sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def group_of(kind: str) -> str:
    """Return what sort of layer a class is.

    >>> [group_of(kind) for kind in ("BatchNormAct2d", "Conv2dSame", "SiLU", "Linear", "Dropout")]
    ['normalisation', 'convolution', 'activation', 'fully connected', 'other']
    """
    return next((group for word, group in _WORDS if word in kind.lower()), "other")


def _heading(title: str, about: Sequence[str], rows: Sequence[DrawnRow]) -> Iterator[str]:
    yield _text(title, _MARGIN, _MARGIN + 14, size=20, weight=600)
    for number, line in enumerate(about):
        yield _text(line, _MARGIN, _MARGIN + 36 + _LINE * number, fill=_GREY)
    y = _MARGIN + 36 + _LINE * len(about)
    yield from _legend([layer for row in rows for layer in row.layers], y)


def _legend(layers: Sequence[DrawnLayer], y: float) -> Iterator[str]:
    present = {group_of(layer.kind) for layer in layers}
    shown = [(group, colour, 1.0) for group, colour in _COLOURS.items() if group in present]
    if any(layer.faded for layer in layers):
        shown.append(("pale: frozen", _COLOURS["convolution"], _FADED))
    x = _MARGIN
    for name, colour, opacity in shown:
        yield (
            f'<rect x="{x:g}" y="{y - 10:g}" width="12" height="12" rx="2" fill="{colour}" '
            f'fill-opacity="{opacity:g}"/>'
        )
        yield _text(name, x + 18, y)
        x += 44 + 7 * len(name)


def _stretch(rows: Sequence[DrawnRow]) -> float:
    """Return by how much boxes can be widened so that the longest row fills the page."""
    longest = max(sum(_size(layer)[0] + _GAP for layer in row.layers) for row in rows)
    return min(max((_WIDTH - 2 * _MARGIN) / longest, 1.0), _MOST_STRETCH)


def _row(row: DrawnRow, y: float, stretch: float) -> tuple[list[str], float]:
    """Return one stage's elements and where the next begins."""
    parts = [_text(row.title, _MARGIN, y + 14, weight=600)]
    y += 24
    for line in _lines(row.layers, stretch):
        height = max(box.height for box in line)
        places = accumulate((box.width + _GAP for box in line[:-1]), initial=_MARGIN)
        middle = y + height / 2
        parts += [_rect(box, x, middle) for box, x in zip(line, places, strict=True)]
        y += height + 8
    return parts, y + 10


def _lines(layers: Sequence[DrawnLayer], stretch: float) -> list[list[_Box]]:
    """Break a stage's boxes into lines that fit the page."""
    lines: list[list[_Box]] = [[]]
    room = _WIDTH - 2 * _MARGIN
    for layer in layers:
        width, height = _size(layer)
        box = _Box(layer, width * stretch, height)
        if lines[-1] and sum(b.width + _GAP for b in lines[-1]) + box.width > room:
            lines.append([])
        lines[-1].append(box)
    return [line for line in lines if line]


def _size(layer: DrawnLayer) -> tuple[float, float]:
    """Return a box's width, by channels, and height, by the side of its pictures."""
    side, channels = _side_and_channels(layer.shape)
    thick = group_of(layer.kind) in {"convolution", "fully connected", "other"}
    width = 3 + 0.75 * math.sqrt(channels) if thick else 4.0
    return width, 12 + 72 * math.sqrt(min(side / _LARGEST_PX, 1.0))


def _side_and_channels(shape: tuple[int, ...]) -> tuple[float, int]:
    if len(shape) == 3 and shape[0] == shape[1] != shape[2]:
        return shape[0], shape[2]  # channels last
    if len(shape) == 3:
        return shape[1], shape[0]
    if len(shape) == 2:
        return math.sqrt(shape[0]), shape[1]  # tokens
    return 1.0, math.prod(shape)


def _rect(box: _Box, x: float, middle: float) -> str:
    y = middle - box.height / 2
    opacity = f' fill-opacity="{_FADED}"' if box.layer.faded else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="1.5" '
        f'fill="{_COLOURS[group_of(box.layer.kind)]}"{opacity}>'
        f"<title>{escape(box.layer.label)}</title></rect>"
    )


def _text(
    text: str, x: float, y: float, *, size: int = 13, weight: int = 400, fill: str = _INK
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{fill}">'
        f"{escape(text)}</text>"
    )
