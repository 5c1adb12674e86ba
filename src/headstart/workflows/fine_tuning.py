"""The second half of ``headstart train``: fine-tune, and keep it only if it wins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from headstart.backbones.graph import build_module
from headstart.config import TrainConfig
from headstart.config.durations import seconds
from headstart.config.training import PhaseConfig, TrainingConfig
from headstart.data.geometry import with_margin
from headstart.data.manifest import Split
from headstart.engines.torch_engine import best_device
from headstart.errors import DataError
from headstart.evaluation.calibration import fit_temperature
from headstart.features.table import StoredFeatures
from headstart.heads.dense import DenseHead
from headstart.heads.fitting import fit_head
from headstart.heads.linear import LinearHead
from headstart.heads.presets import needs_flat
from headstart.heads.probe import ProbeFit
from headstart.heads.random_head import random_head
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.augmentation import describe, is_off, resolve, source_px
from headstart.training.batch_statistics import has_batch_norm
from headstart.training.batches import Examples
from headstart.training.fine_tuning import FineTuning, Tuned, TuningTask
from headstart.training.head_module import TrainableHead, head_training
from headstart.training.pixels import PixelTable, read_pixels
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.auto import AutoPlanner
from headstart.workflows.auto_advice import advise_on
from headstart.workflows.auto_trials import SHIFTS
from headstart.workflows.batch_head import on_batch_statistics
from headstart.workflows.contest import Contest, Logits, hold_against, words_of
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.mirroring import MirrorTest, MirrorTester
from headstart.workflows.run_events import EpochLog
from headstart.workflows.tuning_config import planned_phases, refuse_without_gradient
from headstart.workflows.tuning_data import TuningData


@dataclass(frozen=True)
class Outcome:
    """What fine-tuning came to.

    Attributes:
        plan: What was decided.
        holder: Logits of the head that it started from, on the validation images.
        tuned: The fine-tuned network; ``None`` where the plan was to train none.
    """

    plan: TuningPlan
    holder: Logits
    tuned: Tuned | None


class TuningJob:
    """Fine-tuning within one run.

    Args:
        config: The run's.
        featuriser: Where the backbone comes from.
        folder: The run's, for checkpoints.
        progress: Who is told.
        elapsed_s: How long the run has taken up to now: it counts against ``budget``.
    """

    def __init__(
        self,
        config: TrainConfig,
        featuriser: Featuriser,
        folder: Path,
        progress: Progress,
        *,
        elapsed_s: float = 0.0,
    ) -> None:
        self._config = config
        self._featuriser = featuriser
        self._folder = folder
        self._progress = progress
        self._deadline = time.monotonic() - elapsed_s + seconds(config.training.budget)

    def run(self, data: TuningData) -> Outcome:
        """Fine-tune from a head that never saw the validation images.

        Raises:
            DataError: There is no validation image to go by.
            TrainingError: The loss is no longer a number.
        """
        if not len(data.rows("val")):
            raise DataError(
                "fine-tuning needs validation images: name some, or make a split with --val"
            )
        start = self._start(data)
        holder = start.logits(data.features, data.rows("val"), self._featuriser.graph.layout)
        task = self._task(data, start)
        plan = TuningPlan.read(self._folder)
        if plan is None:
            plan = self._decide(task, data)
            plan.write(self._folder)
        return Outcome(plan, holder, self._train(task, plan) if plan.phases else None)

    def task(self, data: TuningData) -> TuningTask:
        """Return what fine-tuning would train, on what, from where; nothing is trained."""
        return self._task(data, self._start(data))

    def needs_statistics(self, task: TuningTask, phases: Sequence[PhaseConfig]) -> bool:
        """Tell whether the head has to be fitted anew, on the statistics of batches."""
        return phases[0].batch_norm == "train" and self._needs_statistics(task)

    def begin(
        self, data: TuningData, phases: Sequence[PhaseConfig]
    ) -> tuple[FineTuning, Arithmetic]:
        """Return the network as phases would start from it, and what is fastest for them.

        Nothing is trained.
        """
        task, config = self.task(data), self._config.training
        arithmetic = self._job(task, config).choose_arithmetic(phases)
        return self._ready(task, config, phases, arithmetic)[0], arithmetic

    def _decide(self, task: TuningTask, data: TuningData) -> TuningPlan:
        job, training = self._job(task, self._config.training), self._config.training
        if training.strategy == "auto" and not training.phases:
            planner = AutoPlanner(
                self._config,
                folder=self._folder,
                progress=self._progress,
                deadline=self._deadline,
            )
            return planner.decide(
                job,
                task,
                advise=lambda: advise_on(data, self._featuriser, self._config, self._progress),
                mirrors=lambda: self._test_mirrors(task),
            )
        phases = tuple(planned_phases(self._config))
        arithmetic = job.choose_arithmetic(phases)
        return TuningPlan(
            phases=phases,
            augmentation=resolve(training.augmentation),
            arithmetic=arithmetic.name,
            images_per_s=arithmetic.images_per_s,
        )

    def _test_mirrors(self, task: TuningTask) -> tuple[MirrorTest, ...]:
        layout, engine = self._featuriser.graph.layout, self._featuriser.engine
        with self._progress.wait("mirroring validation images"):
            return MirrorTester(engine, layout, task.head, task.validation).run()

    def _train(self, task: TuningTask, plan: TuningPlan) -> Tuned:
        self._progress.say(f"augmentation: {describe(plan.augmentation) or 'none'}")
        config = self._config.training.model_copy(update={"augmentation": plan.augmentation})
        arithmetic = Arithmetic(plan.arithmetic, plan.images_per_s)
        job, task = self._ready(task, config, plan.phases, arithmetic)
        log = EpochLog(self._folder)
        history = job.run(plan.phases, arithmetic, self._folder / "checkpoints", listen=log)
        log([asdict(record) for record in history])
        mirrored = self._mirroring_helps(job, task, plan, arithmetic)
        with self._progress.wait("exporting the network"):
            return job.export(self._folder / "tuned", history, arithmetic, mirrored=mirrored)

    def _ready(
        self,
        task: TuningTask,
        config: TrainingConfig,
        phases: Sequence[PhaseConfig],
        arithmetic: Arithmetic,
    ) -> tuple[FineTuning, TuningTask]:
        """Return the network as the first phase takes it: its head fits its batch norms' mode."""
        job = self._job(task, config)
        if not self.needs_statistics(task, phases):
            return job, task
        with self._progress.wait("fitting the head on batch statistics"):
            task = on_batch_statistics(
                job,
                task,
                self._config.head,
                arithmetic=arithmetic,
                seed=self._config.seed,
                shown=len(task.train) * sum(phase.epochs for phase in phases),
            )
        return self._job(task, config), task

    def _needs_statistics(self, task: TuningTask) -> bool:
        return has_batch_norm(task.backbone) and not self._from_scratch

    def _mirroring_helps(
        self, job: FineTuning, task: TuningTask, plan: TuningPlan, arithmetic: Arithmetic
    ) -> bool:
        """Tell whether the mean over an image and its mirror image answers better."""
        if not plan.augmentation.horizontal_flip:
            return False
        single = job.answer(task.validation, arithmetic)
        double = job.answer(task.validation, arithmetic, mirrored=True)
        contest = hold_against(double, single, task.validation.targets)
        kept = "kept" if contest.wins else "not kept"
        self._progress.say(f"mirror image averaged in: {kept}, {contest.figures}")
        return contest.wins

    def _job(self, task: TuningTask, config: TrainingConfig) -> FineTuning:
        device = torch.device(best_device())
        return FineTuning(task, config, device=device, progress=self._progress)

    def compare(
        self, outcome: Outcome, probe: ProbeFit, features: StoredFeatures, data: TuningData
    ) -> tuple[Contest, ProbeFit]:
        """Hold the fine-tuned model against the head it started from, on validation images.

        Args:
            outcome: What :meth:`run` returned; something was trained.
            probe: Fitted on the rows of ``data``.
            features: Of every image of the run under the fine-tuned backbone.
            data: What was tuned on.

        Returns:
            The outcome, and the fine-tuned model in the probe's terms, calibrated.
        """
        tuned = outcome.tuned
        assert tuned is not None, "nothing was trained"
        rows, targets = data.rows("val"), data.targets()[data.rows("val")]
        mine = replace(features, digests=data.features.digests)
        logits = tuned.head.logits(mine, rows, tuned.graph.layout)
        contest = hold_against(logits, outcome.holder, targets, from_scratch=self._from_scratch)
        better = replace(
            probe,
            head=replace(tuned.head, temperature=fit_temperature(logits, targets)),
            held_out_rows=rows,
            held_out_logits=logits,
            kind=f"fine-tuned ({self._config.training.strategy}), {probe.kind}",
            notes=(*probe.notes, *outcome.plan.reasons, words_of(contest)),
        )
        return contest, better

    @property
    def _from_scratch(self) -> bool:
        """Whether the network has learnt nothing yet, so that no head is worth fitting to it."""
        return self._featuriser.weights.origin == "random"

    def _start(self, data: TuningData) -> TrainableHead:
        if self._from_scratch:
            layout, classes = self._featuriser.graph.layout, data.manifest.classes
            return random_head(self._config.head, layout, classes, seed=self._config.seed)
        head = self._config.head
        refuse_without_gradient(head)
        task = data.probe_task(data.rows("train"), self._featuriser.graph.layout)
        if head.name == "linear" and head.taps == "auto":
            head = head.model_copy(update={"taps": "all"})
        found = fit_head(task, head, seed=self._config.seed, progress=self._progress).head
        assert isinstance(found, LinearHead | DenseHead), "refused above"
        return found

    def _task(self, data: TuningData, head: TrainableHead) -> TuningTask:
        backbone = build_module(
            self._featuriser.spec,
            self._featuriser.weights,
            size_px=self._featuriser.size_px,
            flat=needs_flat(self._config.head),
        )
        size_px = data.geometry.size_px
        return TuningTask(
            backbone=backbone,
            head=head,
            features=data.features_of(data.rows("train")),
            columns=self._featuriser.graph.layout.columns(head.outputs),
            train=self._examples(data, "train", self._margin_px(size_px)),
            validation=self._examples(data, "val", size_px),
            size_px=size_px,
            seed=self._config.seed,
            head_training=head_training(self._config.head, standardise=not self._from_scratch),
        )

    def _margin_px(self, size_px: int) -> int:
        wanted = resolve(self._config.training.augmentation)
        if self._config.training.strategy == "auto" and is_off(wanted):
            wanted = wanted.model_copy(update=SHIFTS)
        return source_px(wanted, size_px)

    def _examples(self, data: TuningData, split: Split, size_px: int) -> Examples:
        rows = data.rows(split)
        pixels: PixelTable = read_pixels(
            data.manifest,
            rows.tolist(),
            with_margin(data.geometry, size_px),
            max_pixels=self._config.data.max_pixels,
            folder=self._folder / "pixels",
            progress=self._progress,
        )
        return Examples(pixels, data.targets()[rows])
