"""Short trainings that tell what a long one should be like; the network is put back after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from headstart.config.augmentation import AugmentationConfig
from headstart.config.training import PhaseConfig, TrainingConfig
from headstart.progress import Progress, Silent
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples, Inputs
from headstart.training.fast_convs import restore
from headstart.training.fine_tuning import FineTuning, TuningTask
from headstart.training.loop import Listener
from headstart.training.randomness import generator
from headstart.training.sampling import Rows

IMAGES: Final = 640
"""Shown in one trial: twenty steps of 32."""
FEWEST_IMAGES: Final = 320
"""Ten steps; after fewer, the head that all trials start from still decides."""
_STATISTICS_IMAGES: Final = 256


@dataclass(frozen=True)
class Trial:
    """One way of training.

    Attributes:
        name: In words.
        augmentation: How training images are varied.
        phase: The phase; one epoch of it is tried.
    """

    name: str
    augmentation: AugmentationConfig
    phase: PhaseConfig


@dataclass(frozen=True)
class TrialResult:
    """What a trial brought.

    Attributes:
        trial: Which.
        logits: Of the validation images, float64 (M, K).
        images_per_s: Trained.
    """

    trial: Trial
    logits: npt.NDArray[np.float64]
    images_per_s: float


def run_trial(
    trial: Trial,
    task: TuningTask,
    config: TrainingConfig,
    *,
    arithmetic: Arithmetic,
    images: int,
    folder: Path,
    prepare: Callable[[FineTuning, TuningTask], TuningTask] | None = None,
) -> TrialResult:
    """Train for a few steps and answer the validation images.

    Args:
        trial: How.
        task: What is trained on what; its backbone is as before when this returns.
        config: Everything that a trial does not change.
        arithmetic: How steps are computed.
        images: Training images shown, drawn by the task's seed.
        folder: Where a scratch folder may be made.
        prepare: Changes the task before the trial, on its own backbone.

    Raises:
        TrainingError: The loss is no longer a number.
    """
    config = config.model_copy(update={"augmentation": trial.augmentation})
    small = replace(task, train=_some(task.train, images, task.seed))
    device = task.backbone.scale.device
    phase = trial.phase.model_copy(update={"epochs": 1, "early_stopping": None})
    with _put_back(task):
        if prepare is not None:
            before = FineTuning(small, config, device=device, progress=Silent())
            small = prepare(before, small)
        job = FineTuning(small, config, device=device, progress=Silent())
        with TemporaryDirectory(dir=folder) as scratch:
            history = job.run([phase], arithmetic, Path(scratch))
        if phase.batch_norm == "train":  # a few steps do not settle a running mean
            job.adopt_statistics(np.arange(min(images, _STATISTICS_IMAGES)), arithmetic)
        logits = job.answer(task.validation, arithmetic)
    return TrialResult(trial, logits, history[-1].images_per_s)


def run_whole(
    task: TuningTask,
    config: TrainingConfig,
    *,
    arithmetic: Arithmetic,
    folder: Path,
    progress: Progress,
    listen: Listener,
    prepare: Callable[[FineTuning, TuningTask], TuningTask] | None = None,
) -> npt.NDArray[np.float64]:
    """Train through all phases and answer the validation images; nothing is exported.

    Args:
        task: What is trained on what; its backbone is as before when this returns or raises.
        config: How; its phases are spelt out.
        arithmetic: How steps are computed.
        folder: Where a scratch folder may be made.
        progress: Who is told.
        listen: Who is shown the whole history after every epoch; what it raises ends the
            training.
        prepare: Changes the task before, on its own backbone.

    Returns:
        Logits, shape (M, K).

    Raises:
        ConfigError: A phase that makes no sense for this network.
        TrainingError: The loss is no longer a number.
    """
    device = task.backbone.scale.device
    with _put_back(task):
        if prepare is not None:
            task = prepare(FineTuning(task, config, device=device, progress=Silent()), task)
        job = FineTuning(task, config, device=device, progress=progress)
        with TemporaryDirectory(dir=folder) as scratch:
            job.run(config.phases, arithmetic, Path(scratch), listen=listen)
        return job.answer(task.validation, arithmetic)


@contextmanager
def _put_back(task: TuningTask) -> Iterator[None]:
    """Leave the task's backbone as it is now, whatever happens to it."""
    kept = {name: tensor.clone() for name, tensor in task.backbone.state_dict().items()}
    try:
        yield
    finally:
        restore(task.backbone.network)
        task.backbone.load_state_dict(kept)
        task.backbone.eval()


@dataclass(frozen=True)
class _Some:
    """Some rows of other inputs."""

    inputs: Inputs
    rows: Rows

    def read(self, rows: Rows) -> torch.Tensor:
        return self.inputs.read(self.rows[rows])


def _some(examples: Examples, images: int, seed: int) -> Examples:
    order = torch.randperm(len(examples), generator=generator(seed, "trial")).numpy()
    rows = np.sort(order[:images])
    return Examples(_Some(examples.inputs, rows), examples.targets[rows])
