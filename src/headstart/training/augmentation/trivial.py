"""TrivialAugment: one random change an image, of random strength, nothing to tune.

Müller and Hutter, 2021, arXiv:2103.10158, in its wide space. The changes themselves are
torchvision's; what to do is drawn here, because torchvision's own class draws from the
process-wide generator, which could neither be resumed nor shared between threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch

from headstart.training.augmentation.cutting import GREY
from headstart.training.augmentation.draws import Draws

_LEVELS: Final = 31
_FILL: Final = [float(GREY)] * 3
_Change = Callable[[torch.Tensor, float], torch.Tensor]


def change_trivially(pixels: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Return images with one change each, in new memory.

    Args:
        pixels: uint8 (N, S, S, 3).
        draws: Source of numbers: three an image.
    """
    changes = list(_changes().values())
    which, levels = draws.choice(len(changes)).tolist(), draws.choice(_LEVELS)
    strengths = (levels / (_LEVELS - 1)).tolist()
    signs = (1 - 2 * draws.choice(2)).tolist()
    changed = torch.empty_like(pixels)
    for row, (number, strength, sign) in enumerate(zip(which, strengths, signs, strict=True)):
        plane = pixels[row].permute(2, 0, 1)
        changed[row] = changes[number](plane, sign * strength).permute(1, 2, 0)
    return changed


def _changes() -> Mapping[str, _Change]:
    """Return name -> change of an image (3, S, S) by a signed strength from -1 to 1."""
    from torchvision.transforms.v2 import functional

    bilinear = functional.InterpolationMode.BILINEAR
    return {
        "identity": lambda image, _: image,
        "shear_x": lambda image, s: _moved(image, shear=(_slope_degrees(s), 0.0)),
        "shear_y": lambda image, s: _moved(image, shear=(0.0, _slope_degrees(s))),
        "translate_x": lambda image, s: _moved(image, translate=(int(32 * s), 0)),
        "translate_y": lambda image, s: _moved(image, translate=(0, int(32 * s))),
        "rotate": lambda image, s: functional.rotate(image, 135 * s, bilinear, fill=_FILL),
        "brightness": lambda image, s: functional.adjust_brightness(image, 1 + 0.99 * s),
        "colour": lambda image, s: functional.adjust_saturation(image, 1 + 0.99 * s),
        "contrast": lambda image, s: functional.adjust_contrast(image, 1 + 0.99 * s),
        "sharpness": lambda image, s: functional.adjust_sharpness(image, 1 + 0.99 * s),
        "posterize": lambda image, s: functional.posterize(image, 8 - round(6 * abs(s))),
        "solarize": lambda image, s: functional.solarize(image, 255 * (1 - abs(s))),
        "autocontrast": lambda image, _: functional.autocontrast(image),
        "equalize": lambda image, _: functional.equalize(image),
    }


def _moved(
    image: torch.Tensor,
    *,
    translate: tuple[int, int] = (0, 0),
    shear: tuple[float, float] = (0.0, 0.0),
) -> torch.Tensor:
    from torchvision.transforms.v2 import functional

    moved: torch.Tensor = functional.affine(
        image,
        angle=0.0,
        translate=list(translate),
        scale=1.0,
        shear=list(shear),
        interpolation=functional.InterpolationMode.BILINEAR,
        fill=_FILL,
        center=[0, 0] if any(shear) else None,
    )
    return moved


def _slope_degrees(strength: float) -> float:
    return math.degrees(math.atan(0.99 * strength))
