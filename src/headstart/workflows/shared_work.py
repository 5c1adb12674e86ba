"""What runs of one process have in common, done once while such runs follow each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar, cast

from headstart.config import TrainConfig
from headstart.heads.presets import needs_flat
from headstart.progress import Progress
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.preparation import PreparedData, prepare

T = TypeVar("T")

_IMAGES = ("val", "test", "max_pixels", "allow_bad", "allow_leaks")
_PIXELS = ("image_size_px", "interpolation", "crop_fraction", "max_pixels")
_TRIAL = ("taps", "strength", "class_weight")


class SharedWork:
    """The last result of each shared step, for the next run that wants the same.

    Only the last: runs are to be ordered so that those that share follow each other.
    Images are taken not to change while it lives.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, object]] = {}

    def once(self, step: str, key: Hashable, make: Callable[[], T]) -> T:
        """Return what a step gave for the same key last time, or what it gives now."""
        known = self._kept.get(step)
        if known is None or known[0] != key:
            self._kept.pop(step, None)
            known = self._kept[step] = (key, make())
        return cast("T", known[1])

    @property
    def has_images(self) -> bool:
        """Whether images could be read."""
        return "images" in self._kept

    def images(
        self, data: str | Path, config: TrainConfig, *, cache: Path, progress: Progress
    ) -> PreparedData:
        """Return the audited images with their splits. See :func:`prepare`."""
        return self.once(
            "images",
            (str(data), config.seed, _picked(config.data, _IMAGES)),
            lambda: prepare(data, config.data, seed=config.seed, cache=cache, progress=progress),
        )

    def featuriser(self, config: TrainConfig, *, cache: Path, progress: Progress) -> Featuriser:
        """Return what computes features, with its graph and engine once they are built."""
        return self.once(
            "featuriser",
            backbone_key(config),
            lambda: Featuriser(config, cache=cache, progress=progress),
        )


def backbone_key(config: TrainConfig) -> Hashable:
    """Return what decides the network, its weights, its engine and the pixels it is given."""
    flat = needs_flat(config.head)
    pixels = _picked(config.data, _PIXELS)
    return (config.backbone, config.engine, config.seed, pixels, flat)


def geometry_key(data: str | Path, config: TrainConfig) -> Hashable:
    """Return what decides how images become squares, a trial's outcome included."""
    images = (str(data), _picked(config.data, _IMAGES), config.data.geometry)
    return (*images, backbone_key(config), _picked(config.head, _TRIAL))


def _picked(section: Any, names: tuple[str, ...]) -> Hashable:
    return tuple(getattr(section, name) for name in names)
