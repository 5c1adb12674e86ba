"""``--strategy auto``: what to train, how long and on which variations, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from headstart.config import TrainConfig
from headstart.config.augmentation import AugmentationConfig
from headstart.config.training import PhaseConfig
from headstart.progress import Progress
from headstart.selection.auto import Choice, Means, choose
from headstart.selection.strategy import Advice, placed
from headstart.training.arithmetic import Arithmetic
from headstart.training.augmentation import is_off, resolve, switched_off
from headstart.training.fine_tuning import FineTuning, TuningTask
from headstart.training.strategies import BatchNorm, full_phases, partial_phases, weighed
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.auto_trials import (
    TrialRunner,
    choose_batch_norm,
    choose_shifts,
    images_a_trial,
)
from headstart.workflows.mirroring import MirrorTest, allowed

_RESERVE_S: Final = 30.0
"""For what comes after training: export, judgement, bundle and report."""


class AutoPlanner:
    """Decides what one fine-tuning does.

    Args:
        config: The run's.
        folder: The run's.
        progress: Who is told.
        deadline: When everything is to be over, by :func:`time.monotonic`.
    """

    def __init__(
        self, config: TrainConfig, *, folder: Path, progress: Progress, deadline: float
    ) -> None:
        self._config = config
        self._folder = folder
        self._progress = progress
        self._deadline = deadline
        self._reasons: list[str] = []

    def decide(
        self,
        job: FineTuning,
        task: TuningTask,
        *,
        advise: Callable[[], Advice],
        mirrors: Callable[[], tuple[MirrorTest, ...]],
    ) -> TuningPlan:
        """Return the plan; no phases where the head is enough.

        Args:
            job: Not trained yet.
            task: What it would train, on what.
            advise: Measures what the images speak for.
            mirrors: Tests which mirror images keep their labels.
        """
        advice = advise()
        arithmetic = job.choose_arithmetic(full_phases())  # what compiling would have to repay
        rate = arithmetic.images_per_s or 1.0
        choice = self._choose(advice, task, rate)
        augmentation = resolve(self._config.training.augmentation)
        batch_norm: BatchNorm = "frozen"
        if choice.epochs:
            runner = self._runner(task, choice, arithmetic, rate)
            augmentation = self._augmentation(runner, mirrors)
            batch_norm = choose_batch_norm(runner, augmentation)
            choice = self._choose(advice, task, runner.images_per_s or rate)
        return TuningPlan(
            phases=tuple(weighed(_phases(choice, batch_norm), self._config.head.class_weight)),
            augmentation=augmentation,
            arithmetic=arithmetic.name,
            images_per_s=arithmetic.images_per_s,
            reasons=tuple(self._reasons),
        )

    def _augmentation(
        self, runner: TrialRunner, mirrors: Callable[[], tuple[MirrorTest, ...]]
    ) -> AugmentationConfig:
        """Return the user's own augmentation, or the variation that does no harm."""
        given = self._config.training.augmentation
        wanted = resolve(given)
        if not is_off(wanted):
            return wanted
        off = switched_off(given)
        tests = tuple(test for test in mirrors() if test.mirror.setting not in off)
        for test in tests:
            self._say(test.words)
        return choose_shifts(runner, allowed(tests, wanted), without=off)

    def _say(self, reason: str) -> None:
        self._progress.say(f"auto: {reason}")
        self._reasons.append(f"auto: {reason}")

    @property
    def _seconds_left(self) -> float:
        return self._deadline - _RESERVE_S - time.monotonic()

    def _choose(self, advice: Advice, task: TuningTask, rate: float) -> Choice:
        means = Means(
            advice=advice.strategy,
            train_images=len(task.train),
            val_images=len(task.validation),
            seconds_left=self._seconds_left,
            images_per_s=rate,
            views=self._config.training.trunk_views,
        )
        choice = choose(means)
        what = f"{choice.plan}, {choice.epochs} epochs" if choice.epochs else "the head alone"
        left = max(0.0, means.seconds_left)
        self._say(
            f"{what}, because {choice.rule.when} ({placed(advice).lower()}; {left:.0f} s left, "
            f"{rate:.0f} images/s: {max(0.0, means.epochs('full')):.1f} epochs of all layers)"
        )
        return choice

    def _runner(
        self, task: TuningTask, choice: Choice, arithmetic: Arithmetic, rate: float
    ) -> TrialRunner:
        return TrialRunner(
            task,
            self._config,
            weighed(_phases(choice, "frozen"), self._config.head.class_weight)[0],
            arithmetic=arithmetic,
            images=images_a_trial(task, seconds=self._seconds_left, images_per_s=rate),
            folder=self._folder,
            say=self._say,
        )


def _phases(choice: Choice, batch_norm: BatchNorm) -> list[PhaseConfig]:
    if choice.plan == "full":
        return full_phases(epochs=choice.epochs, batch_norm=batch_norm)
    if choice.plan == "partial":
        return partial_phases(epochs=choice.epochs)
    return []
