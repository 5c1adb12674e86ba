"""What a decoding process is asked for: the square of a model, or the whole image, smaller."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from headstart.data.decoding import decode, load_pixels
from headstart.data.geometry import Geometry
from headstart.data.manifest import Pixels


class Whole(BaseModel):
    """The whole image, upright, made smaller where it is too large to be looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_px: int = Field(ge=1, le=2048)


View: TypeAlias = Geometry | Whole
_ADAPTER: Final[TypeAdapter[View]] = TypeAdapter(View)


@lru_cache(maxsize=64)
def written(view: View) -> bytes:
    """Return a view as JSON."""
    return view.model_dump_json().encode()


@lru_cache(maxsize=64)
def read_view(said: bytes) -> View:
    """Return what :func:`written` wrote.

    >>> read_view(written(Geometry(size_px=96))).size_px
    96
    """
    return _ADAPTER.validate_json(said)


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


def could_be(view: View, height: int, width: int) -> bool:
    """Return whether an image of that size is what a view asks for.

    >>> could_be(Geometry(size_px=96), 96, 96), could_be(Whole(longest_px=96), 97, 1)
    (True, False)
    """
    if isinstance(view, Geometry):
        return height == width == view.size_px
    return 0 < height <= view.longest_px and 0 < width <= view.longest_px
