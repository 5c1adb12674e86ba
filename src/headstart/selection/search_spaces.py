"""What ``headstart tune`` searches where the user says nothing, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import fields
from typing import Any, Final

from headstart.backbones.spec import FLAT
from headstart.config import TrainConfig, build_config
from headstart.config.loading import assign
from headstart.config.search_space import Dimension, Space, Value
from headstart.errors import ConfigError, listed
from headstart.heads.presets import COMMON_SETTINGS, find_preset

_HEAD: Final = "head."
_NAME: Final = "head.name"
_TUNING_PATHS: Final = (_HEAD, "training.phases.", "training.augmentation.")
_FIXED: Final = ("head.folds", "head.cross_validate", "head.ensemble")
"""They say how a trial is judged."""
_OPTIMISER: Final = "training.phases.*.optimiser."

HEAD_SPACE: Final[Space] = (
    Dimension(_NAME, choices=("linear", "svm-rbf", "knn")),
    Dimension("head.taps", choices=("final", "early", "all")),
    Dimension("head.strength", low=1e-7, high=1e-1, log=True),
    Dimension("head.C", low=1e-2, high=1e3, log=True),
    Dimension("head.gamma", low=0.1, high=10.0, log=True),
    Dimension("head.neighbours", low=3, high=100, log=True, whole=True),
    Dimension("head.weights", choices=("distance", "uniform")),
    Dimension("head.widths", choices=([], [128], [256], [512], [1024], [512, 256])),
    Dimension("head.dropout", low=0.0, high=0.7),
    Dimension("head.batch_norm", choices=(False, True)),
    Dimension("head.activation", choices=("relu", "gelu", "silu")),
    Dimension("head.l2", low=1e-6, high=1e-2, log=True),
    Dimension("head.learning_rate", low=1e-4, high=1e-2, log=True),
)
"""Heads on cached features. Dense ones and the linear SVM take seconds a trial (TrashNet, one
core: 3 to 4 s, the linear probe .5 s, kNN .1 s): they are searched where one is named."""

TUNING_SPACE: Final[Space] = (
    Dimension(f"{_OPTIMISER}learning_rate", low=3e-5, high=3e-3, log=True),
    Dimension(f"{_OPTIMISER}weight_decay", low=1e-4, high=1e-1, log=True),
    Dimension(f"{_OPTIMISER}layer_decay", low=0.5, high=1.0),
    Dimension("training.phases.*.loss.label_smoothing", low=0.0, high=0.2),
    Dimension("training.phases.*.dropout", low=0.0, high=0.5),
    Dimension("training.phases.*.mixup", low=0.0, high=0.4),
    Dimension("training.augmentation.preset", choices=(None, "light", "standard")),
)
"""Fine-tuning, from the strategy's own plan on."""


def default_space(config: TrainConfig, *, tuning: bool) -> Space:
    """Return what is searched for a configuration: never what it says itself.

    Args:
        config: As the user gave it; what it sets is left alone.
        tuning: Whether fine-tuning is searched, not the head.
    """
    if tuning:
        preset = config.training.augmentation.model_fields_set
        return tuple(d for d in TUNING_SPACE if not (preset and "augmentation" in d.path))
    given = {f"{_HEAD}{name}" for name in config.head.model_fields_set}
    free = tuple(dimension for dimension in HEAD_SPACE if dimension.path not in given)
    names = [config.head.name] if _NAME in given else list(HEAD_SPACE[0].choices)
    return tuple(d for d in free if any(takes(name, d.path) for name in names))


def takes(head: str, path: str) -> bool:
    """Tell whether a setting means anything with a head.

    >>> takes("svm", "head.C"), takes("svm", "head.gamma"), takes("svm", "data.val")
    (True, False, True)
    """
    if not path.startswith(_HEAD):
        return True
    name, preset = path.removeprefix(_HEAD), find_preset(head)
    if name == "taps":
        return preset.taps != FLAT
    own = {item.name for item in fields(preset.kind)} - set(preset.fixed)
    return name in COMMON_SETTINGS or name in own


def check_space(space: Space, *, tuning: bool) -> None:
    """Refuse what cannot differ from trial to trial.

    Raises:
        ConfigError: Names the paths, and what may be searched.
    """
    allowed = _TUNING_PATHS if tuning else (_HEAD,)
    strange = [d.path for d in space if not d.path.startswith(allowed) or d.path in _FIXED]
    if not strange:
        return
    may = "head.*, training.phases.* and training.augmentation.*" if tuning else "head.*"
    hint = "" if tuning else "; training.* is searched with --strategy partial, full or scratch"
    raise ConfigError(
        f"space: {listed(strange)} cannot differ from trial to trial, {may} can{hint}. "
        "Set it with --set, and compare runs with 'headstart compare'"
    )


class Candidates:
    """Turns values for a space into configurations.

    Args:
        base: What every candidate starts from.
        space: What may change.

    Raises:
        ConfigError: A value of the space is not allowed, or there is no such list.
        UnknownNameError: No such head.
    """

    def __init__(self, base: TrainConfig, space: Space) -> None:
        self.base = base
        self.space = _ordered(space)
        self._settings = base.model_dump(mode="json")
        for dimension in self.space:
            for value in dimension.ends:
                self._check(dimension.path, value)

    def active(self, dimension: Dimension, values: Mapping[str, Value]) -> bool:
        """Tell whether a dimension means anything beside the values chosen so far."""
        return takes(str(values.get(_NAME, self.base.head.name)), dimension.path)

    def config(self, values: Mapping[str, Value]) -> TrainConfig:
        """Return the configuration that some values mean.

        Raises:
            ConfigError: They do not go together.
        """
        settings = deepcopy(self._settings)
        _drop_foreign(settings["head"], str(values.get(_NAME, self.base.head.name)))
        for path, value in values.items():
            assign(settings, path, value, said=f"space: {path}")
        return build_config(settings)

    def _check(self, path: str, value: Value) -> None:
        settings = deepcopy(self._settings)
        assign(settings, path, value, said=f"space: {path}")
        try:
            build_config(settings)
        except ConfigError as error:
            raise ConfigError(f"space: {error}") from None
        if path == _NAME:
            find_preset(str(value))


def _ordered(space: Iterable[Dimension]) -> Space:
    """Put the head's name first: others depend on it."""
    return tuple(sorted(space, key=lambda dimension: dimension.path != _NAME))


def _drop_foreign(head: dict[str, Any], name: str) -> None:
    """Leave out what is set for another head than the one that is named."""
    for key in head:
        if key not in COMMON_SETTINGS and not takes(name, f"{_HEAD}{key}"):
            head[key] = None
