"""How the learning rate goes on: a factor of the base rate for each step.

All but the plateau are pure functions of the step, so that going on after a stop
needs no saved state. Hooks for state are there on all, for one loop to drive any.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from headstart.config.training import ScheduleConfig
from headstart.errors import ConfigError
from headstart.training.best import Best
from headstart.training.courses import Course, cosine, one_cycle, steady, steps

_PLATEAU_MIN_DELTA = 1e-4


class Schedule:
    """A course of the learning rate over one phase.

    Args:
        course: Factor of the base rate for each step of the phase, from 0.
        warmup_steps: Steps of a linear rise that the course is multiplied with.
    """

    def __init__(self, course: Course, *, warmup_steps: float = 0.0) -> None:
        self._course = course
        self._warmup_steps = warmup_steps

    def factor(self, step: float) -> float:
        """Return the multiple of the base rate for a step of the phase, from 0."""
        rise = min(1.0, (step + 1) / (self._warmup_steps + 1))
        return rise * self._course(step)

    def update(self, loss: float) -> None:
        """Take an epoch's validation loss. Only a plateau looks at it."""

    def state_dict(self) -> dict[str, Any]:
        """Return what JSON needs to go on from here."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""


class PlateauSchedule(Schedule):
    """Falls when the loss has made no progress for ``patience`` epochs, as Keras does.

    Args:
        fall: Multiple of the rate at each fall.
        patience: Epochs without progress; 0 and 1 both fall at the first.
        warmup_steps: Steps of a linear rise at the start.
    """

    def __init__(self, *, fall: float, patience: int, warmup_steps: float = 0.0) -> None:
        super().__init__(lambda step: fall**self._falls, warmup_steps=warmup_steps)
        self._patience = max(1, patience)
        self._best = Best("min", min_delta=_PLATEAU_MIN_DELTA)
        self._falls = 0

    def update(self, loss: float) -> None:
        """Take an epoch's validation loss; the next epoch's rate may fall."""
        self._best.update(loss)
        if self._best.waited >= self._patience:
            self._falls += 1
            self._best.waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what JSON needs to go on from here."""
        return {"falls": self._falls, "best": self._best.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._falls = state["falls"]
        self._best.load_state_dict(state["best"])


def build_schedule(config: ScheduleConfig, *, epochs: int, steps_per_epoch: int) -> Schedule:
    """Build the schedule of a phase.

    Args:
        config: Which course, and its settings.
        epochs: Most epochs of the phase.
        steps_per_epoch: Steps that one epoch takes.

    Raises:
        ConfigError: A warm-up that outlasts the phase, or comes before one-cycle's own.
    """
    _check_warmup(config, epochs)
    warmup = config.warmup_epochs * steps_per_epoch
    if config.name == "plateau":
        return PlateauSchedule(fall=config.factor, patience=config.patience, warmup_steps=warmup)
    last = max(1, epochs * steps_per_epoch - 1)
    courses: dict[str, Course] = {
        "constant": steady,
        "cosine": partial(cosine, start=warmup, last=last, final=config.final_factor),
        "one-cycle": partial(one_cycle, peak=config.peak_share * last, last=last),
        "step": partial(steps, every=config.step_epochs * steps_per_epoch, fall=config.factor),
    }
    return Schedule(courses[config.name], warmup_steps=warmup)


def draw_factors(schedule: Schedule, *, steps: int) -> list[float]:
    """Return the factor of each of the first ``steps`` steps, for a plot."""
    return [schedule.factor(step) for step in range(steps)]


def _check_warmup(config: ScheduleConfig, epochs: int) -> None:
    if config.warmup_epochs and config.name == "one-cycle":
        raise ConfigError(
            f"schedule.warmup_epochs is {config.warmup_epochs:g}, but one-cycle has a rise of "
            "its own: set schedule.peak_share, or warmup_epochs to 0"
        )
    if config.warmup_epochs >= epochs:
        raise ConfigError(
            f"schedule.warmup_epochs is {config.warmup_epochs:g}, but the phase has only {epochs} "
            "epochs: make the warm-up shorter or the phase longer"
        )
