"""What can be said of an image at a glance: how large, how bright, how sharp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from headstart.data.decoding import MAX_PIXELS, decode, read_header
from headstart.data.manifest import ImageData

SIDE_PX: Final = 128
"""Longer side at which brightness and sharpness are taken, so that images of all sizes are
seen alike; sharpness depends on it."""


@dataclass(frozen=True, slots=True)
class ImageTraits:
    """An image in a few numbers.

    Attributes:
        width: Pixels across, upright.
        height: Pixels down.
        format: ``JPEG``, ``PNG`` … or ``array``.
        brightness: Mean luminance (ITU-R 601, as stored), 0 for black to 1 for white.
        sharpness: Variance of the Laplacian of the luminance, in grey levels of 0 to 255
            squared, at 128 pixels on the longer side: low where all edges are soft.
    """

    width: int
    height: int
    format: str
    brightness: float
    sharpness: float

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def aspect(self) -> float:
        """Width over height: above 1 for a wide image, below for a tall one."""
        return self.width / self.height


def image_traits(data: ImageData, *, max_pixels: int = MAX_PIXELS) -> ImageTraits:
    """Measure one image; a small decode of it is enough.

    Args:
        data: Encoded bytes, or uint8 pixels of shape (H, W) or (H, W, 3).
        max_pixels: Limit on width x height.

    Raises:
        BadImageError: As for :func:`headstart.data.decoding.decode`.
    """
    header = read_header(data, max_pixels=max_pixels)
    scale = SIDE_PX / max(header.width, header.height)
    size = (max(1, round(header.width * scale)), max(1, round(header.height * scale)))
    grey = Image.fromarray(decode(data, max_pixels=max_pixels, at_least=size)).convert("L")
    luminance = np.asarray(grey.resize(size, Image.Resampling.BILINEAR), np.float32)
    return ImageTraits(
        width=header.width,
        height=header.height,
        format=header.format,
        brightness=float(luminance.mean()) / 255,
        sharpness=laplacian_variance(luminance),
    )


def laplacian_variance(luminance: npt.NDArray[np.float32]) -> float:
    """Return the variance of an image's Laplacian (four neighbours), a measure of focus.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative
    study", ICPR 2000, doi:10.1109/ICPR.2000.903548.

    Args:
        luminance: Shape (H, W). Below three pixels either way there is nothing to tell: 0.

    >>> laplacian_variance(np.zeros((8, 8), np.float32))
    0.0
    """
    if min(luminance.shape) < 3:
        return 0.0
    inner = luminance[1:-1, 1:-1]
    across = luminance[1:-1, :-2] + luminance[1:-1, 2:]
    down = luminance[:-2, 1:-1] + luminance[2:, 1:-1]
    return float((across + down - 4 * inner).var())
