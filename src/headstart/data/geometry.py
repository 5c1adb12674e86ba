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


def with_margin(geometry: Geometry, size_px: int) -> Geometry:
    """Return a geometry that keeps more of an image around the same square, at the same scale.

    Only ``crop`` leaves anything out that could be kept; a larger square in the other modes
    would be a magnified one, and a network trained on it would see another scale than it is
    deployed on.

    Args:
        geometry: As deployed.
        size_px: Side that would be welcome.

    >>> with_margin(Geometry(mode="crop", crop_fraction=0.875), 300).size_px
    256
    >>> with_margin(Geometry(mode="squash"), 256).size_px
    224
    """
    if geometry.mode != "crop" or size_px <= geometry.size_px:
        return geometry
    whole = int(geometry.size_px / geometry.crop_fraction)
    larger = min(size_px, whole)
    fraction = min(1.0, geometry.crop_fraction * larger / geometry.size_px)
    return geometry.model_copy(update={"size_px": larger, "crop_fraction": fraction})
