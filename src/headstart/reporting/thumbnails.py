"""Small JPEGs of the user's own images, for the pages a person looks at."""

from __future__ import annotations

import io

from PIL import Image

from headstart.data.decoding import decode
from headstart.data.manifest import ImageData

_SAMPLES_IN_ALL = 48
_MOST_A_CLASS = 6
_MOST_CLASSES = 100


def make_thumbnail(data: ImageData, *, size_px: int = 160, quality: int = 80) -> bytes:
    """Return a small JPEG of a whole image, its aspect kept.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W, 3).
        size_px: The longer side of the result; a smaller image is not enlarged.
        quality: JPEG quality, 1 to 95.

    Raises:
        BadImageError: The bytes are not an image that can be decoded.
    """
    image = Image.fromarray(decode(data, at_least=(size_px, size_px)))
    image.thumbnail((size_px, size_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
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
