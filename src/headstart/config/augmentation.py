"""How training images are varied: data, not code."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from headstart.config.base import Settings

FillMode = Literal["nearest", "reflect", "constant"]
Share = Annotated[float, Field(ge=0, lt=1)]


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("the smaller number comes first, as in [0.8, 1.2]")
    return ends


Factor = Annotated[float, Field(gt=0, le=10)]
Factors = Annotated[tuple[Factor, Factor], AfterValidator(_ascending)]
AreaShare = Annotated[float, Field(gt=0, le=1)]
AreaShares = Annotated[tuple[AreaShare, AreaShare], AfterValidator(_ascending)]


class AugmentationConfig(Settings):
    """Random changes of training images; validation and test images are never changed.

    What is not given comes from the preset, or is off without one. Shares are of the
    image's side, ranges are ``[least, largest]``; ``[1, 1]``, 0 and false switch off
    what a preset brings.
    """

    preset: str | None = Field(
        None, description="Start from a named set: light, standard, rakuten, butterflies, waste"
    )
    horizontal_flip: bool | None = Field(None, description="Mirror left and right")
    vertical_flip: bool | None = Field(None, description="Mirror top and bottom")
    transpose: bool | None = Field(
        None, description="Mirror at the diagonal; with both flips: every quarter turn, mirrored"
    )
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] | None = Field(
        None, description="Largest turn either way, in degrees"
    )
    rotation_turns: Annotated[float, Field(ge=0, le=0.5)] | None = Field(
        None, description="The same as a fraction of a full turn (Keras' RandomRotation)"
    )
    shear_degrees: Annotated[float, Field(ge=0, lt=90)] | None = Field(
        None, description="Largest shear either way, in degrees"
    )
    zoom: Factors | None = Field(
        None, description="Least and largest magnification: below 1 zooms out, such as [0.8, 1.2]"
    )
    width_shift: Share | None = Field(None, description="Largest shift sideways")
    height_shift: Share | None = Field(None, description="Largest shift up or down")
    brightness: Factors | None = Field(None, description="Factor of brightness, such as [0.8, 1.2]")
    contrast: Factors | None = Field(None, description="Factor of contrast, about the mean")
    gamma: Factors | None = Field(None, description="Exponent of brightness: below 1 lightens")
    channel_shift: Annotated[float, Field(ge=0, le=255)] | None = Field(
        None, description="Largest number added to a colour channel, of 255"
    )
    resized_crop: AreaShares | None = Field(
        None, description="Share of the area that a random crop keeps, such as [0.35, 1]"
    )
    trivial_augment: bool | None = Field(None, description="One random change an image (2021)")
    erasing: Share | None = Field(None, description="Probability that a rectangle is blanked")
    margin: Share | None = Field(
        None,
        description="How much larger cropped images are loaded where anything is moved, of the "
        "side; a seventh where not given, 0: whatever comes in from outside is filled",
    )
    fill: FillMode | None = Field(
        None, description="What appears where an image was moved away; reflect where not given"
    )

    @field_validator("rotation_turns")
    @classmethod
    def _one_rotation(cls, turns: float | None, info: ValidationInfo) -> float | None:
        if turns is not None and info.data.get("rotation_degrees") is not None:
            raise ValueError("rotation_degrees says the same: give one of the two")
        return turns
