"""What a configuration asks of fine-tuning, before any image is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from headstart.config import TrainConfig
from headstart.config.schema import HeadConfig
from headstart.config.training import PhaseConfig
from headstart.errors import ConfigError
from headstart.heads.presets import has_gradient
from headstart.training.augmentation import resolve
from headstart.training.optimisers import check_optimiser
from headstart.training.strategies import full_phases, partial_phases, scratch_phases, weighed


def wants_tuning(config: TrainConfig) -> bool:
    """Tell whether a configuration asks for more than a head."""
    return config.training.strategy != "probe" or bool(config.training.phases)


def check_tuning(config: TrainConfig) -> None:
    """Refuse fine-tuning settings that cannot work, before anything is done.

    Raises:
        ConfigError: Names the setting and the mend.
        UnknownNameError: No such augmentation preset, or no such head.
    """
    if wants_tuning(config):
        refuse_without_gradient(config.head)
    if wants_tuning(config) and (config.head.cross_validate or config.head.ensemble):
        raise ConfigError(
            "folds and ensembles are of heads on a frozen network: leave out --folds and "
            "--ensemble (head.cross_validate, head.ensemble), or choose --strategy probe"
        )
    resolve(config.training.augmentation)
    for phase in planned_phases(config):
        check_optimiser(phase.optimiser)


def refuse_without_gradient(head: HeadConfig) -> None:
    """Refuse to fine-tune under a head that gives no gradient.

    Raises:
        ConfigError: It is one.
    """
    if not has_gradient(head):
        raise ConfigError(
            f"head {head.name!r} has no gradient to train a backbone by: "
            "choose linear or a dense head, or --strategy probe"
        )


_PLANS: Final[Mapping[str, Callable[[], list[PhaseConfig]]]] = {
    "full": full_phases,
    "partial": partial_phases,
    "scratch": scratch_phases,
}


def planned_phases(config: TrainConfig) -> list[PhaseConfig]:
    """Return the phases that a configuration means; none where they are not known yet."""
    training = config.training
    if training.phases:
        return list(training.phases)
    if training.strategy not in _PLANS:
        return []
    return weighed(_PLANS[training.strategy](), config.head.class_weight)
