"""Named sets of augmentation, and what becomes of one with a user's own settings on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headstart.config.augmentation import AugmentationConfig
from headstart.errors import UnknownNameError

PRESETS: Final[Mapping[str, AugmentationConfig]] = {
    "light": AugmentationConfig(horizontal_flip=True, width_shift=0.07, height_shift=0.07),
    "standard": AugmentationConfig(
        horizontal_flip=True,
        rotation_degrees=15,
        zoom=(0.85, 1.2),
        width_shift=0.07,
        height_shift=0.07,
        brightness=(0.8, 1.2),
    ),
    # Product photos. The ranges of the system it is named for are not known to us: these
    # are ours, small enough for packshots; only the fill is that of Keras' generator.
    "rakuten": AugmentationConfig(
        horizontal_flip=True,
        rotation_degrees=20,
        zoom=(0.9, 1.1),
        width_shift=0.1,
        height_shift=0.1,
        fill="nearest",
    ),
    # Likewise ours: the kinds of change and ranges of Keras' own example for small data
    # (its blog, 2016), whose shear of .2 was in radians: 11.5 degrees.
    "butterflies": AugmentationConfig(
        horizontal_flip=True,
        rotation_degrees=40,
        shear_degrees=11.5,
        zoom=(0.8, 1.2),
        width_shift=0.2,
        height_shift=0.2,
        fill="nearest",
    ),
    # As in the system it is named for: RandomFlip, and RandomRotation(.2) of a turn, whose
    # fill in Keras is reflect.
    "waste": AugmentationConfig(
        horizontal_flip=True, vertical_flip=True, rotation_turns=0.2, fill="reflect"
    ),
}
"""Name -> settings. One entry here is a new preset everywhere."""

_NEUTRAL: Final = (1.0, 1.0)
"""The range that changes nothing, except of a crop, which also changes the aspect."""
_SAME_THING: Final = ("rotation_degrees", "rotation_turns")


def resolve(config: AugmentationConfig) -> AugmentationConfig:
    """Return what is really done: the preset's settings with the given ones on top.

    Whatever changes nothing (0, false, ``[1, 1]``) is ``None`` in the result, turns
    are degrees, and the fill is always given. Resolving twice changes nothing.

    Raises:
        UnknownNameError: No preset has that name.

    >>> resolve(AugmentationConfig(preset="waste", vertical_flip=False)).rotation_degrees
    72.0
    """
    preset = _preset_settings(config.preset)
    given = config.model_dump(exclude_none=True, exclude={"preset"})
    if any(name in given for name in _SAME_THING):
        preset = {name: value for name, value in preset.items() if name not in _SAME_THING}
    merged = {**preset, **given}
    turns = merged.pop("rotation_turns", None)
    if turns is not None:
        merged["rotation_degrees"] = 360.0 * turns
    active = {name: value for name, value in merged.items() if not _changes_nothing(name, value)}
    active |= {"margin": merged["margin"]} if "margin" in merged else {}
    return AugmentationConfig(**{"fill": "reflect", **active})


def is_off(config: AugmentationConfig) -> bool:
    """Return whether images stay as they are.

    Raises:
        UnknownNameError: No preset has that name.
    """
    return not resolve(config).model_dump(exclude_none=True, exclude={"fill", "margin"})


def switched_off(config: AugmentationConfig) -> frozenset[str]:
    """Return the settings that were given, and given as none: somebody wants them off.

    >>> switched_off(AugmentationConfig(horizontal_flip=False))
    frozenset({'horizontal_flip'})
    """
    given = config.model_dump(exclude_none=True, exclude={"preset", "fill", "margin"})
    return frozenset(name for name, value in given.items() if _changes_nothing(name, value))


def _preset_settings(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    if name not in PRESETS:
        raise UnknownNameError("augmentation preset", name, PRESETS)
    return PRESETS[name].model_dump(exclude_none=True)


def _changes_nothing(name: str, value: object) -> bool:
    return value in (False, 0) or (value == _NEUTRAL and name != "resized_crop")
