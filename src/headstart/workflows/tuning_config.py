"""What a configuration asks of fine-tuning, before any image is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from headstart.config import TrainConfig
from headstart.config.schema import HeadConfig
from headstart.config.training import PhaseConfig, TrainingConfig
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
    _check_changes(config.training)
    resolve(config.training.augmentation)
    for phase in planned_phases(config):
        check_optimiser(phase.optimiser)


def _check_changes(training: TrainingConfig) -> None:
    """Refuse changes to a plan where there is none to be changed."""
    changed = [name for name in _CHANGES if getattr(training, name) is not None]
    if not changed or training.phases or training.strategy in _PLANS:
        return
    why = {
        "probe": "the strategy probe fits the head alone, without one (a dense head has "
        "head.epochs)",
        "auto": "the strategy auto makes its own plan, within the budget",
    }
    raise ConfigError(
        f"training.{changed[0]} changes the phases of a plan, and "
        f"{why[training.strategy]}: choose --strategy partial, full or scratch, a recipe, "
        f"or leave it out"
    )


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


_CHANGES: Final = ("epochs", "batch_size", "learning_rate")
"""Settings that change every phase of a plan."""


def planned_phases(config: TrainConfig) -> list[PhaseConfig]:
    """Return the phases that a configuration means; none where they are not known yet."""
    training = config.training
    if training.phases:
        phases = list(training.phases)
    elif training.strategy in _PLANS:
        phases = weighed(_PLANS[training.strategy](), config.head.class_weight)
    else:
        return []
    return [_changed(phase, training) for phase in phases]


def spelt_out(config: TrainConfig) -> TrainConfig:
    """Return a configuration with the phases that it means written out, if they are known."""
    written = {**dict.fromkeys(_CHANGES), "phases": tuple(planned_phases(config))}
    training = config.training.model_copy(update=written)
    return config.model_copy(update={"training": training})


def _changed(phase: PhaseConfig, training: TrainingConfig) -> PhaseConfig:
    wanted = {"epochs": training.epochs, "batch_size": training.batch_size}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if training.learning_rate is not None:
        rate = {"learning_rate": training.learning_rate}
        changes["optimiser"] = phase.optimiser.model_copy(update=rate)
    return phase.model_copy(update=changes)
