"""Shifts and batch-norm mode, chosen by short trials on validation images."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import numpy as np

from headstart.config import TrainConfig
from headstart.config.augmentation import AugmentationConfig
from headstart.config.training import PhaseConfig
from headstart.evaluation.comparison import lower_by_chance
from headstart.training.arithmetic import Arithmetic
from headstart.training.batch_statistics import has_batch_norm, statistics_shift
from headstart.training.fine_tuning import FineTuning, TuningTask
from headstart.training.strategies import BatchNorm
from headstart.training.trials import FEWEST_IMAGES, IMAGES, Trial, run_trial
from headstart.workflows.batch_head import on_batch_statistics
from headstart.workflows.contest import SIGNIFICANT, calibrated_losses

SHIFTED: Final = 1.0
"""Mean log ratio of variances from which batch statistics are tried: .52 on TrashNet, whose
photos look like ImageNet's to the network, 1.64 on the textile demo."""
SHIFTS: Final = {"width_shift": 0.07, "height_shift": 0.07}
HARM: Final = 0.05
"""Log loss in nats that shifts may cost a trial: varied images are harder at first. They cost
.53 on the textile demo, where a window without the flaw is still called flawed."""
_TRIAL_SHARE: Final = 0.25
"""Of the time left, for all trials together."""
_MOST_TRIALS: Final = 3
_SHIFT_IMAGES: Final = 64

Losses = np.ndarray[tuple[int], np.dtype[np.float64]]


def images_a_trial(task: TuningTask, *, seconds: float, images_per_s: float) -> int:
    """Return how many training images a trial may show; too few are none.

    Args:
        task: What is trained.
        seconds: Left for trials and training.
        images_per_s: Of training all layers.
    """
    shown = _TRIAL_SHARE * seconds * images_per_s / _MOST_TRIALS - len(task.validation) / 3
    images = min(IMAGES, len(task.train), int(shown))
    return images if images >= FEWEST_IMAGES else 0


class TrialRunner:
    """Runs trials that differ in one thing each.

    Args:
        task: What is trained, on what.
        config: The run's.
        phase: What a trial is an excerpt of.
        arithmetic: How steps are computed.
        images: Shown in each; 0: there is no time for trials.
        folder: The run's.
        say: Takes each outcome in words.

    Attributes:
        images_per_s: Of training all layers, as trials did; 0 where none has.
    """

    def __init__(
        self,
        task: TuningTask,
        config: TrainConfig,
        phase: PhaseConfig,
        *,
        arithmetic: Arithmetic,
        images: int,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self.task = task
        self.phase = phase
        self.images = images
        self.say = say
        self.images_per_s = 0.0
        self._config = config
        self._arithmetic = arithmetic
        self._folder = folder
        self._known: dict[tuple[str, str], Losses] = {}

    def losses(self, name: str, augmentation: AugmentationConfig, batch_norm: BatchNorm) -> Losses:
        """Try one way, once; return each validation image's log loss."""
        key = (augmentation.model_dump_json(), batch_norm)
        if key not in self._known:
            self._known[key] = self._try(name, augmentation, batch_norm)
        return self._known[key]

    def _try(self, name: str, augmentation: AugmentationConfig, batch_norm: BatchNorm) -> Losses:
        phase = self.phase.model_copy(update={"batch_norm": batch_norm})
        result = run_trial(
            Trial(name, augmentation, phase),
            self.task,
            self._config.training,
            arithmetic=self._arithmetic,
            images=self.images,
            folder=self._folder,
            prepare=self._refit if batch_norm == "train" else None,
        )
        if batch_norm == "frozen" and phase.train == "all":
            self.images_per_s = max(self.images_per_s, result.images_per_s)
        targets = self.task.validation.targets
        losses = calibrated_losses(result.logits, targets)
        accuracy = float((result.logits.argmax(1) == targets).mean())
        self.say(
            f"tried on {self.images} images, {name}: validation log loss {losses.mean():.3f}, "
            f"accuracy {accuracy:.3f}"
        )
        return losses

    def shift(self) -> float:
        """Return how far these images are from what the network's batch norms remember."""
        rows = np.arange(min(_SHIFT_IMAGES, len(self.task.validation)))
        pixels = self.task.validation.inputs.read(rows)
        return statistics_shift(self.task.backbone, pixels.to(self.task.backbone.scale.device))

    def _refit(self, job: FineTuning, task: TuningTask) -> TuningTask:
        return on_batch_statistics(
            job, task, self._config.head, arithmetic=self._arithmetic, seed=self._config.seed
        )


def choose_shifts(
    runner: TrialRunner, plain: AugmentationConfig, *, without: Collection[str] = ()
) -> AugmentationConfig:
    """Return an augmentation with shifts, unless they cut off what the label is about.

    Args:
        runner: Runs the trials.
        plain: Without shifts.
        without: Settings that the user switched off.
    """
    shifts = {name: share for name, share in SHIFTS.items() if name not in without}
    shifted = plain.model_copy(update=shifts)
    if not runner.images or not shifts:
        return shifted
    still = runner.losses("not shifted", plain, "frozen")
    moved = runner.losses("shifted", shifted, "frozen")
    more = float(moved.mean() - still.mean())
    harmful = more > HARM and lower_by_chance(still, moved) < SIGNIFICANT
    runner.say(f"images are {'not ' * harmful}shifted in training: log loss {more:+.3f} by it")
    return plain if harmful else shifted


def choose_batch_norm(runner: TrialRunner, augmentation: AugmentationConfig) -> BatchNorm:
    """Try batch statistics where these images are far from those that were pretrained on.

    Args:
        runner: Runs the trials.
        augmentation: What will be trained with.
    """
    if runner.phase.train != "all" or not has_batch_norm(runner.task.backbone):
        return "frozen"
    shift = runner.shift()
    if shift < SHIFTED:
        runner.say(f"batch norms stay frozen: variances differ by {shift:.2f}, below {SHIFTED:g}")
        return "frozen"
    if not runner.images:
        runner.say(f"batch norms stay frozen, though variances differ by {shift:.2f}: no time")
        return "frozen"
    frozen = runner.losses("batch norms frozen", augmentation, "frozen")
    trained = runner.losses("batch norms training", augmentation, "train")
    better = lower_by_chance(trained, frozen) < SIGNIFICANT
    runner.say(
        f"batch norms {'train' if better else 'stay frozen'}: variances differ by {shift:.2f}, "
        f"{SHIFTED:g} or more, so both were tried"
    )
    return "train" if better else "frozen"
