"""Drawing maps over images, with Pillow alone: it is wanted where a bundle is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from headstart.data.manifest import Pixels
from headstart.explain.evidence import Map

_ANCHORS: Final = np.array(
    [(12, 8, 60), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float32
)
"""Matplotlib's inferno at its quarters: rising lightness, so also readable in grey."""
_MOST_COLOUR: Final = 0.75
_COLD_GREY: Final = 0.75
_INK, _PAPER, _FAINT = (22, 32, 43), (255, 255, 255), (110, 120, 130)
_GAP, _CAPTION = 10, 40


def coloured(values: Map) -> npt.NDArray[np.float32]:
    """Return colours, 0 to 255, (H, W, 3), of numbers from 0 to 1, dark to light."""
    places = np.linspace(0, 1, len(_ANCHORS))
    channels = [np.interp(values, places, _ANCHORS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def overlay(pixels: Pixels, values: Map) -> Pixels:
    """Return an image with a map over it: greyer and darker where cold, coloured where hot.

    Args:
        pixels: uint8, (H, W, 3).
        values: (H, W), 0 to 1.
    """
    image = pixels.astype(np.float32)
    grey = image.mean(axis=2, keepdims=True)
    base = _COLD_GREY * (0.6 * grey + 0.4 * image)
    share = _MOST_COLOUR * (np.clip(values, 0, 1) ** 0.6)[..., None]
    return np.asarray((1 - share) * base + share * coloured(values), np.uint8)


def framed(pixels: Pixels, box: tuple[float, float, float, float]) -> Pixels:
    """Return an image with a thin line around what a model saw of it, unless that is all.

    Args:
        pixels: uint8, (H, W, 3).
        box: (left, top, right, bottom), pixels.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(edge) for edge in box)
    if (left, top, right, bottom) == (0, 0, width, height):
        return pixels
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), outline=_PAPER)
    return np.asarray(image)


def side_by_side(panels: Sequence[tuple[Pixels, str, str]]) -> Image.Image:
    """Return images of one size in a row, each with a caption and a fainter line below.

    Args:
        panels: uint8 (H, W, 3), the caption, the line.
    """
    height, width = panels[0][0].shape[:2]
    wide = max(width, 200)
    sheet = Image.new(
        "RGB",
        (len(panels) * (wide + _GAP) + _GAP, height + _CAPTION + 2 * _GAP),
        _PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    for place, (pixels, caption, line) in enumerate(panels):
        left = _GAP + place * (wide + _GAP)
        sheet.paste(Image.fromarray(pixels), (left, _GAP))
        _write(draw, (left, height + _GAP + 5), caption, 16, _INK, wide)
        _write(draw, (left, height + _GAP + 25), line, 12, _FAINT, wide)
    return sheet


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    colour: tuple[int, int, int],
    width: int,
) -> None:
    """Write a line, cut short where it is too long."""
    font = ImageFont.load_default(size)
    shown = text
    while len(shown) > 1 and draw.textlength(shown, font=font) > width:
        shown = shown.removesuffix("…")[:-1] + "…"
    draw.text(place, shown, fill=colour, font=font)
