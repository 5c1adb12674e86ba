"""How training images are varied: data, not code."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from headstart.config.base import Settings

FillMode = Literal["nearest", "reflect", "constant"]
Share = Annotated[float, Field(ge=0, lt=1)]
Range = tuple[float, float]


class AugmentationConfig(Settings):
    """Random changes of training images; validation and test images are never changed.

    Everything is off until it is set. Shares are of the image's side.
    """

    preset: str | None = Field(
        None, description="Start from a named set: light, standard, rakuten, butterflies, waste"
    )
    horizontal_flip: bool | None = Field(None, description="Mirror left and right")
    vertical_flip: bool | None = Field(None, description="Mirror top and bottom")
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] | None = Field(
        None, description="Largest turn either way, in degrees"
    )
    rotation_turns: Annotated[float, Field(ge=0, le=0.5)] | None = Field(
        None, description="The same as a fraction of a full turn (Keras' RandomRotation)"
    )
    shear_degrees: Annotated[float, Field(ge=0, lt=90)] | None = Field(
        None, description="Largest shear either way, in degrees"
    )
    zoom: Range | None = Field(
        None, description="Least and largest magnification: below 1 zooms out, such as [0.8, 1.2]"
    )
    width_shift: Share | None = Field(None, description="Largest shift sideways")
    height_shift: Share | None = Field(None, description="Largest shift up or down")
    brightness: Range | None = Field(None, description="Factor of brightness, such as [0.8, 1.2]")
    contrast: Range | None = Field(None, description="Factor of contrast")
    gamma: Range | None = Field(None, description="Exponent of brightness")
    channel_shift: Annotated[float, Field(ge=0, le=255)] | None = Field(
        None, description="Largest number added to a colour channel, of 255"
    )
    resized_crop: Range | None = Field(
        None, description="Share of the area that a random crop keeps, such as [0.35, 1]"
    )
    trivial_augment: bool | None = Field(None, description="One random change an image (2021)")
    erasing: Share | None = Field(None, description="Probability that a rectangle is blanked")
    fill: FillMode | None = Field(None, description="What appears where an image was moved away")
