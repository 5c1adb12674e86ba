"""What a decoding process is asked for: the square of a model, or the whole image, smaller."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from headstart.data.decoding import decode, load_pixels
from headstart.data.geometry import Geometry
from headstart.data.manifest import Pixels

_SHAPE: Final = struct.Struct("!II")
"""Height and width, before the pixels."""


class Whole(BaseModel):
    """The whole image, upright, made smaller where it is too large to be looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_px: int = Field(ge=1)


View: TypeAlias = Geometry | Whole
_ADAPTER: Final[TypeAdapter[View]] = TypeAdapter(View)


@lru_cache(maxsize=64)
def read_view(written: bytes) -> View:
    """Return what ``view.model_dump_json()`` wrote."""
    return _ADAPTER.validate_json(written)


def rendered(image: bytes, view: View, *, max_pixels: int) -> Pixels:
    """Return an image as a view has it, uint8 (H, W, 3).

    Raises:
        BadImageError: It cannot be decoded, or is too large.
    """
    if isinstance(view, Geometry):
        return load_pixels(image, view, max_pixels=max_pixels)
    size = (view.longest_px, view.longest_px)
    small = Image.fromarray(decode(image, max_pixels=max_pixels, at_least=size))
    small.thumbnail(size, Image.Resampling.LANCZOS)
    return np.array(small)


def packed(pixels: Pixels) -> bytes:
    """Return pixels as bytes that say how many there are.

    >>> unpacked(packed(np.zeros((2, 3, 3), np.uint8))).shape
    (2, 3, 3)
    """
    return b"".join((_SHAPE.pack(*pixels.shape[:2]), np.ascontiguousarray(pixels).data))


def unpacked(content: bytes | bytearray) -> Pixels:
    """Return what :func:`packed` packed."""
    height, width = _SHAPE.unpack_from(content)
    return np.frombuffer(content, np.uint8, offset=_SHAPE.size).reshape(height, width, 3)
