"""Random changes of training images: declared in the settings, drawn from one generator."""

from __future__ import annotations

from headstart.training.augmentation.augmenter import Augmenter
from headstart.training.augmentation.placement import source_px
from headstart.training.augmentation.presets import PRESETS, is_off, resolve, switched_off
from headstart.training.augmentation.words import describe

__all__ = [
    "PRESETS",
    "Augmenter",
    "describe",
    "is_off",
    "resolve",
    "source_px",
    "switched_off",
]
