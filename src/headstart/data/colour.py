"""From every way of storing colour to 8-bit RGB."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from headstart.errors import BadImageError

BEHIND_TRANSPARENCY: Final = (255, 255, 255)
"""What shows through transparent pixels: white, as on a page."""

_BITS_PER_SAMPLE: Final = 258
_PHOTOMETRIC: Final = 262
_WHITE_IS_ZERO: Final = 0
_DEEP_MODES: Final = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a loaded image in mode ``RGB``.

    Transparent pixels are blended with white. Deeper samples are scaled by the
    range of their type, never by their content: 16-bit values lose their low
    byte, signed ones are shifted to start at 0 first, floats count from 0 to 1.

    Raises:
        BadImageError: The samples have no range to scale by: 32-bit integers,
            floats outside 0..1, or a colour space such as LAB.
    """
    if image.mode in _DEEP_MODES:
        return Image.fromarray(_deep_to_grey(image)).convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        return _on_background(image.convert("RGBA"))
    return image.convert("RGB")


def _on_background(image: Image.Image) -> Image.Image:
    page = Image.new("RGB", image.size, BEHIND_TRANSPARENCY)
    page.paste(image, mask=image.getchannel("A"))
    return page


def _deep_to_grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    tags: dict[int, Any] = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
    values = np.asarray(image)
    if image.mode == "F":
        grey = _from_float(values)
    elif image.mode == "I":
        grey = _from_signed(values, bits)
    else:
        grey = (values >> (bits - 8)).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(values == transparent, np.uint8(255), grey)
    return grey


def _from_signed(values: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    if bits != 16:
        raise BadImageError(
            f"{bits}-bit integer pixels have no common scale: save them as 8 or 16 bits"
        )
    return ((values + 32768) >> 8).astype(np.uint8)


def _from_float(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):
        raise BadImageError(
            f"float pixels from {low:g} to {high:g}, expected 0 to 1: save them as 8 or 16 bits"
        )
    grey: npt.NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return grey
