"""Trials that fine-tune: judged on the validation images after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from headstart.config import TrainConfig
from headstart.config.search_space import Space, Value
from headstart.engines.torch_engine import best_device
from headstart.files import storage_errors
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.fine_tuning import FineTuning, TuningTask
from headstart.training.trials import run_whole
from headstart.workflows.batch_head import on_batch_statistics
from headstart.workflows.contest import Contest, hold_against
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.fine_tuning import TuningJob
from headstart.workflows.tune_trials import Answered, Report, within
from headstart.workflows.tuning_data import TuningData

_DEFAULT: Final = 0


class TuningTrials:
    """Fine-tuned networks, judged on the validation images after each epoch.

    Args:
        data: Training and validation images.
        featuriser: Where the backbone comes from.
        folder: For pixels, and the answers of the best trial; made.
        progress: Who is told.
    """

    def __init__(
        self, data: TuningData, featuriser: Featuriser, folder: Path, progress: Progress
    ) -> None:
        self._data = data
        self._featuriser = featuriser
        self._folder = folder
        self._progress = progress
        self._arithmetic: Arithmetic | None = None
        self._known: tuple[str, TuningTask] | None = None
        with storage_errors(self._folder):
            self._folder.mkdir(exist_ok=True)

    def judge(self, config: TrainConfig, report: Report) -> Answered:
        """Train through all phases. See :class:`TrialJudge`."""
        job = TuningJob(config, self._featuriser, self._folder, self._progress)
        task = self._task(config, job)
        arithmetic = self._chosen_arithmetic(config, task)
        refit = partial(
            on_batch_statistics,
            head=config.head,
            arithmetic=arithmetic,
            seed=config.seed,
            shown=len(task.train) * sum(phase.epochs for phase in config.training.phases),
        )
        epochs = 0

        def listen(history: Sequence[dict[str, Any]]) -> None:
            nonlocal epochs
            epochs = len(history)
            report(history[-1]["val_loss"], epochs)

        logits = run_whole(
            task,
            config.training,
            arithmetic=arithmetic,
            folder=self._folder,
            progress=self._progress,
            listen=listen,
            prepare=refit if job.needs_statistics(task, config.training.phases) else None,
        )
        return Answered(self._data.rows("val"), logits, f"{epochs} epochs")

    def _task(self, config: TrainConfig, job: TuningJob) -> TuningTask:
        """Return the start of a trial: that of the last one, where nothing in it differs."""
        augmentation = config.training.augmentation.model_dump_json()
        key = f"{config.head.model_dump_json()} {augmentation}"
        if self._known is None or self._known[0] != key:
            self._known = None  # two of them need not fit into the memory
            self._known = (key, job.task(self._data))
        return self._known[1]

    def _chosen_arithmetic(self, config: TrainConfig, task: TuningTask) -> Arithmetic:
        if self._arithmetic is None:
            device = torch.device(best_device())
            job = FineTuning(task, config.training, device=device, progress=self._progress)
            self._arithmetic = job.choose_arithmetic(config.training.phases)
        return self._arithmetic

    def place(self, config: TrainConfig, answered: Answered, space: Space) -> dict[str, Value]:
        """Return the settings of the first phase, the head and the augmentation."""
        del answered
        settings = config.model_dump(mode="json")
        return within(space, {d.path: _value_at(settings, d.path) for d in space})

    def keep(self, number: int, answered: Answered) -> None:
        """Write the answers of the default and of the best trial up to now."""
        with storage_errors(self._folder):
            np.save(self._folder / f"{number}.npy", answered.logits)

    def confirm(self, best: tuple[int, TrainConfig], default: TrainConfig, seen: int) -> Contest:
        """Compare both on the validation images, p-values times the trials that were seen.

        The best of many is best by luck as well (Bonferroni's correction).
        """
        del default
        rows = self._data.rows("val")
        mine, theirs = (np.load(self._folder / f"{n}.npy") for n in (best[0], _DEFAULT))
        contest = hold_against(mine, theirs, self._data.targets()[rows])
        chance = min(1.0, contest.test.p_value * seen)
        return replace(
            contest,
            test=replace(contest.test, p_value=chance),
            likelier=min(1.0, contest.likelier * seen),
        )


def _value_at(settings: Any, path: str) -> Value:
    """Return the value at a dotted path; ``*`` is the first place of a list."""
    for part in path.split("."):
        settings = settings[int(part) if part.isdecimal() else 0 if part == "*" else part]
    return settings
