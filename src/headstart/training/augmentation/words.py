"""What a set of augmentation does, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from headstart.config.augmentation import AugmentationConfig
from headstart.training.augmentation.presets import resolve


def _between(what: str) -> Callable[[Any], str]:
    return lambda ends: f"{what} {ends[0]:g} to {ends[1]:g} times"


_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "horizontal_flip": lambda _: "mirrored left-right",
    "vertical_flip": lambda _: "mirrored top-bottom",
    "transpose": lambda _: "mirrored at the diagonal",
    "rotation_degrees": lambda degrees: f"turned up to {degrees:g}°",
    "shear_degrees": lambda degrees: f"sheared up to {degrees:g}°",
    "zoom": _between("magnified"),
    "width_shift": lambda share: f"shifted sideways up to {share:.0%}",
    "height_shift": lambda share: f"shifted up or down up to {share:.0%}",
    "resized_crop": lambda ends: f"cropped to {ends[0]:.0%} to {ends[1]:.0%} of the area",
    "brightness": _between("brightness"),
    "contrast": _between("contrast"),
    "gamma": lambda ends: f"gamma {ends[0]:g} to {ends[1]:g}",
    "channel_shift": lambda largest: f"each colour channel moved up to {largest:g} of 255",
    "trivial_augment": lambda _: "one change of TrivialAugment",
    "erasing": lambda share: f"a rectangle blanked in {share:.0%}",
}


def describe(config: AugmentationConfig) -> str:
    """Return what happens to an image, in a line.

    Raises:
        UnknownNameError: No preset has that name.

    >>> describe(AugmentationConfig(preset="waste"))
    'mirrored left-right; mirrored top-bottom; turned up to 72°'
    """
    settings = resolve(config).model_dump(exclude_none=True)
    words = [say(settings[name]) for name, say in _WORDS.items() if name in settings]
    return "; ".join(words) or "not changed"
