"""From stored bytes to pixels: the one path of training, command line and service.

The format is told by content, the pixel cap is checked on the header, the EXIF
orientation is applied, every way of storing colour becomes 8-bit RGB, and a file
that is damaged raises :class:`BadImageError` and nothing else. All functions are
thread-safe, deterministic, and release the interpreter lock in their heavy parts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from headstart.data.geometry import Geometry
from headstart.data.manifest import ImageData, Pixels
from headstart.data.orientation import turned, turned_size
from headstart.data.pictures import ImageHeader, Picture, open_picture
from headstart.data.resizing import fit, least_size
from headstart.errors import BadImageError

__all__ = ["MAX_PIXELS", "ImageHeader", "decode", "load_pixels", "read_header"]

MAX_PIXELS: Final = 50_000_000
"""Default limit on width x height, against files that unpack to fill the memory."""


def read_header(data: ImageData, *, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Return an image's format, size as seen (upright) and mode; no pixel is decoded.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W) or (H, W, 3).
        max_pixels: Limit on width x height.

    Raises:
        BadImageError: It is no image of the allowed formats, its header is damaged,
            or it is over the limit. The message is the reason alone, without a path.
    """
    picture = _open(data, max_pixels)
    stored = picture.header
    width, height = turned_size(stored.width, stored.height, picture.orientation)
    return replace(stored, width=width, height=height)


def decode(
    data: ImageData, *, max_pixels: int = MAX_PIXELS, at_least: tuple[int, int] | None = None
) -> Pixels:
    """Return an image as uint8 RGB pixels of shape (H, W, 3), upright.

    Transparent pixels are blended with white; 16-bit samples lose their low byte;
    of an animation, the first frame is taken.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W) or (H, W, 3).
        max_pixels: Limit on width x height.
        at_least: (width, height) in pixels. A JPEG may be decoded smaller than it
            is stored, to any size that is at least that. ``None``: full size.

    Raises:
        BadImageError: As for :func:`read_header`, or the pixels are damaged,
            truncated, or of a type without a known range (32-bit integers).
    """
    picture = _open(data, max_pixels)
    stored = turned_size(*at_least, picture.orientation) if at_least else None
    return np.array(turned(picture.load(stored).image, picture.orientation))


def load_pixels(data: ImageData, geometry: Geometry, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return an image as the square that a backbone sees.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W) or (H, W, 3).
        geometry: Which part to keep, at which size.
        max_pixels: Limit on width x height.

    Returns:
        uint8 RGB pixels, C-contiguous, shape (size_px, size_px, 3).

    Raises:
        BadImageError: As for :func:`decode`.
    """
    picture = _open(data, max_pixels)
    size = (picture.header.width, picture.header.height)
    loaded = picture.load(least_size(geometry, *size))
    square = fit(loaded.image, geometry, size, scale=loaded.scale, orientation=picture.orientation)
    return np.array(square)


def _open(data: ImageData, max_pixels: int) -> Picture:
    picture = open_picture(data)
    pixels = picture.header.width * picture.header.height
    if pixels > max_pixels:
        raise BadImageError(f"{pixels:,} pixels, over the limit of {max_pixels:,} (--max-pixels)")
    if pixels == 0:
        raise BadImageError("no pixels: its width or height is 0")
    return picture
