"""How an image of any size becomes the square a backbone sees."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from headstart.config.schema import GeometryMode, Interpolation


class Geometry(BaseModel):
    """From a decoded image to ``size_px`` x ``size_px``; part of every bundle.

    ``crop`` keeps the central square, ``pad`` keeps the whole image and its
    aspect on a filled square, ``squash`` keeps the whole image and bends its aspect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: GeometryMode = "squash"
    size_px: int = Field(default=224, ge=16, le=2048)
    interpolation: Interpolation = "bicubic"
    crop_fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    """``crop`` only: side of the kept square as a share of the image's shorter side."""
    fill: tuple[int, int, int] = (127, 127, 127)
    """``pad`` only: colour of the border, RGB."""
