"""Small JPEGs of the user's own images, for the pages a person looks at."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from headstart.data.decoding import MAX_PIXELS, decode
from headstart.data.manifest import ImageData, Pixels

_SAMPLES_IN_ALL = 48
_MOST_A_CLASS = 6
_MOST_CLASSES = 100
_LOWER_QUALITIES: Final = (60, 45, 30)
_SMALLEST_PX: Final = 16


def make_thumbnail(
    data: ImageData,
    *,
    size_px: int = 160,
    quality: int = 80,
    most_bytes: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> bytes:
    """Return a small JPEG of a whole image, its aspect kept.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W, 3).
        size_px: The longer side of the result; a smaller image is not enlarged.
        quality: JPEG quality, 1 to 95.
        most_bytes: What it may weigh; quality, then size, give way.
        max_pixels: Limit on width x height of the image.

    Raises:
        BadImageError: The bytes are not an image that can be decoded.
    """
    pixels = shrunken(data, size_px=size_px, max_pixels=max_pixels)
    return encode_jpeg(pixels, quality=quality, most_bytes=most_bytes)


def shrunken(data: ImageData, *, size_px: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return a whole image with at most ``size_px`` pixels along its longer side.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W, 3).
        size_px: The longer side of the result; a smaller image is not enlarged.
        max_pixels: Limit on width x height of the image.

    Raises:
        BadImageError: The bytes are not an image that can be decoded.
    """
    image = Image.fromarray(decode(data, max_pixels=max_pixels, at_least=(size_px, size_px)))
    image.thumbnail((size_px, size_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(image)


def encode_jpeg(pixels: Pixels, *, quality: int = 80, most_bytes: int | None = None) -> bytes:
    """Return pixels as a JPEG of at most so many bytes.

    Args:
        pixels: uint8 RGB, (H, W, 3).
        quality: JPEG quality, 1 to 95.
        most_bytes: What it may weigh; quality, then size, give way.
    """
    image = Image.fromarray(pixels)
    made = _encoded(image, quality)
    for lower in _LOWER_QUALITIES:
        if most_bytes is None or len(made) <= most_bytes:
            return made
        made = _encoded(image, min(lower, quality))
    while most_bytes is not None and len(made) > most_bytes and max(image.size) > _SMALLEST_PX:
        image.thumbnail((0.75 * image.width, 0.75 * image.height))
        made = _encoded(image, _LOWER_QUALITIES[-1])
    return made


def _encoded(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def examples_per_class(class_count: int) -> int:
    """Return how many sample images of each class keep a report light.

    >>> [examples_per_class(count) for count in (2, 6, 40, 1000)]
    [6, 6, 1, 0]
    """
    if class_count > _MOST_CLASSES:
        return 0
    return min(_MOST_A_CLASS, max(1, _SAMPLES_IN_ALL // max(class_count, 1)))
