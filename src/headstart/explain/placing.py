"""From the model's square back to the image as the user knows it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from headstart.data.geometry import Geometry
from headstart.data.resizing import frame
from headstart.explain.evidence import Map


def on_image(square: Map, geometry: Geometry, width: int, height: int) -> Map:
    """Return a map over the whole upright image, (height, width); zeros where nothing was seen.

    Args:
        square: Over the model's square, (S, S).
        geometry: How the image became the square.
        width: Of the upright image, or of a smaller copy of it.
        height: Likewise.
    """
    kept, (left, top, right, bottom) = frame(geometry, width, height)
    first, above, last, below = (round(edge) for edge in kept)
    inner = Image.fromarray(np.ascontiguousarray(square[top:bottom, left:right]))
    size = (max(1, last - first), max(1, below - above))
    whole = np.zeros((height, width), np.float32)
    resized = np.asarray(inner.resize(size, Image.Resampling.BILINEAR))
    whole[above : above + size[1], first : first + size[0]] = resized
    return whole
