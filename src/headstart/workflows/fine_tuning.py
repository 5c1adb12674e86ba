"""The second half of ``headstart train``: fine-tune, and keep it only if it wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from headstart.backbones.graph import build_module
from headstart.config import TrainConfig
from headstart.config.training import PhaseConfig
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Split
from headstart.engines.torch_engine import best_device
from headstart.errors import ConfigError, DataError
from headstart.evaluation.calibration import fit_temperature, softmax
from headstart.evaluation.comparison import PairedTest, mcnemar
from headstart.features.table import StoredFeatures
from headstart.files import write_csv
from headstart.heads.dense import DenseHead
from headstart.heads.fitting import fit_head
from headstart.heads.linear import LinearHead
from headstart.heads.probe import ProbeFit, ProbeTask
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.augmentation import describe, resolve, source_px
from headstart.training.batches import Examples
from headstart.training.fine_tuning import FineTuning, TrainableHead, Tuned, TuningTask
from headstart.training.loop import EpochRecord
from headstart.training.optimisers import check_optimiser
from headstart.training.pixels import PixelTable, read_pixels
from headstart.training.strategies import full_phases, partial_phases, scratch_phases
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.preparation import fold_keys

Indices = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float64]
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class TuningData:
    """What fine-tuning may see: never the test split.

    Attributes:
        manifest: Training and validation images.
        digests: Content digest of each.
        features: Their features under the pretrained backbone.
        geometry: How images become squares when the model is deployed.
    """

    manifest: Manifest
    digests: Sequence[str]
    features: StoredFeatures
    geometry: Geometry

    def rows(self, split: Split) -> Indices:
        """Return the rows of a split."""
        return self.manifest.rows_in(split)

    def targets(self) -> Indices:
        """Return the class of each row."""
        return self.manifest.label_indices(self.manifest.classes)


def wants_tuning(config: TrainConfig) -> bool:
    """Tell whether a configuration asks for more than a head."""
    return config.training.strategy != "probe" or bool(config.training.phases)


def check_tuning(config: TrainConfig) -> None:
    """Refuse fine-tuning settings that cannot work, before anything is done.

    Raises:
        ConfigError: Names the setting and the mend.
        UnknownNameError: No such augmentation preset.
    """
    resolve(config.training.augmentation)
    if wants_tuning(config):
        for phase in planned_phases(config):
            check_optimiser(phase.optimiser)


def planned_phases(config: TrainConfig) -> list[PhaseConfig]:
    """Return the phases that a configuration means.

    Raises:
        ConfigError: The strategy needs measurements that are not made yet.
    """
    training = config.training
    if training.phases:
        return list(training.phases)
    plans = {"full": full_phases, "partial": partial_phases, "scratch": scratch_phases}
    if training.strategy not in plans:
        raise ConfigError(
            f"strategy {training.strategy!r} is not there yet: "
            f"choose probe, {', '.join(plans)}, or write training.phases"
        )
    return plans[training.strategy]()


class TuningJob:
    """Fine-tuning within one run.

    Args:
        config: The run's.
        featuriser: Where the backbone comes from.
        folder: The run's, for checkpoints.
        progress: Who is told.
    """

    def __init__(
        self, config: TrainConfig, featuriser: Featuriser, folder: Path, progress: Progress
    ) -> None:
        self._config = config
        self._featuriser = featuriser
        self._folder = folder
        self._progress = progress

    def run(self, data: TuningData) -> Tuned:
        """Fine-tune from a head that never saw the validation images.

        Raises:
            DataError: There is no validation image to go by.
            TrainingError: The loss is no longer a number.
        """
        if not len(data.rows("val")):
            raise DataError(
                "fine-tuning needs validation images: name some, or make a split with --val"
            )
        job = self.begin(data)
        plan = TuningPlan.read(self._folder)
        if plan is None:
            plan = self._decide(job)
            plan.write(self._folder)
        arithmetic = Arithmetic(plan.arithmetic, plan.images_per_s)
        history = job.run(plan.phases, arithmetic, self._folder / "checkpoints")
        with self._progress.wait("exporting the network"):
            return job.export(self._folder / "tuned", history, arithmetic)

    def begin(self, data: TuningData) -> FineTuning:
        """Return the network as fine-tuning starts from it, and its images; nothing is trained."""
        return FineTuning(
            self._task(data, self._start(data)),
            self._config.training,
            device=torch.device(best_device()),
            progress=self._progress,
        )

    def _decide(self, job: FineTuning) -> TuningPlan:
        augmentation = resolve(self._config.training.augmentation)
        self._progress.say(f"augmentation: {describe(augmentation) or 'none'}")
        phases = tuple(planned_phases(self._config))
        arithmetic = job.choose_arithmetic(phases)
        return TuningPlan(
            phases=phases,
            augmentation=augmentation,
            arithmetic=arithmetic.name,
            images_per_s=arithmetic.images_per_s,
        )

    def compare(
        self, tuned: Tuned, probe: ProbeFit, features: StoredFeatures, data: TuningData
    ) -> tuple[Contest, ProbeFit]:
        """Hold the fine-tuned model against the probe on the validation images.

        Args:
            tuned: What :meth:`run` returned.
            probe: Fitted on the rows of ``data``.
            features: Of every image of the run under the fine-tuned backbone.
            data: What was tuned on.

        Returns:
            The outcome, and the fine-tuned model in the probe's terms, calibrated.
        """
        layout, rows, targets = tuned.graph.layout, data.rows("val"), data.targets()
        mine = replace(features, digests=data.features.digests)
        logits = tuned.head.logits(mine, rows, layout)
        temperature = fit_temperature(logits, targets[rows])
        known = np.isin(rows, probe.held_out_rows)
        held = np.searchsorted(probe.held_out_rows, rows[known])
        contest = compare_with_probe(
            logits[known], probe.held_out_logits[held], targets[rows[known]]
        )
        better = replace(
            probe,
            head=replace(tuned.head, temperature=temperature),
            held_out_rows=rows,
            held_out_logits=logits,
            kind=f"fine-tuned ({self._config.training.strategy}), {probe.kind}",
            notes=(*probe.notes, contest.words),
        )
        return contest, better

    def _start(self, data: TuningData) -> TrainableHead:
        rows = data.rows("train")
        task = ProbeTask(
            features=_features_of(data, rows),
            layout=self._featuriser.graph.layout,
            targets=data.targets()[rows],
            groups=fold_keys(data.manifest.take(rows), [data.digests[row] for row in rows]),
            classes=data.manifest.classes,
        )
        head = self._config.head
        if head.name == "linear" and head.taps == "auto":
            head = head.model_copy(update={"taps": "all"})
        found = fit_head(task, head, seed=self._config.seed, progress=self._progress).head
        if not isinstance(found, LinearHead | DenseHead):
            raise ConfigError(
                f"head {self._config.head.name!r} has no gradient to train a backbone by: "
                "choose linear or a dense head, or --strategy probe"
            )
        return found

    def _task(self, data: TuningData, head: TrainableHead) -> TuningTask:
        backbone = build_module(
            self._featuriser.spec, self._featuriser.weights, size_px=self._featuriser.size_px
        )
        size_px = data.geometry.size_px
        margin_px = source_px(resolve(self._config.training.augmentation), size_px)
        return TuningTask(
            backbone=backbone,
            head=head,
            features=_features_of(data, data.rows("train")),
            columns=self._featuriser.graph.layout.columns(head.outputs),
            train=self._examples(data, "train", margin_px),
            validation=self._examples(data, "val", size_px),
            size_px=size_px,
            seed=self._config.seed,
        )

    def _examples(self, data: TuningData, split: Split, size_px: int) -> Examples:
        rows = data.rows(split)
        geometry = data.geometry.model_copy(update={"size_px": size_px})
        pixels: PixelTable = read_pixels(
            data.manifest,
            rows.tolist(),
            geometry,
            max_pixels=self._config.data.max_pixels,
            folder=self._folder / "pixels",
            progress=self._progress,
        )
        return Examples(pixels, data.targets()[rows])


def _features_of(data: TuningData, rows: Indices) -> StoredFeatures:
    return replace(data.features, digests=[data.features.digests[row] for row in rows])


@dataclass(frozen=True)
class Contest:
    """The fine-tuned model against the probe, on validation images that neither learned from.

    Attributes:
        tuned_accuracy: Of the fine-tuned model.
        probe_accuracy: Of the probe, by predictions made while they were held out.
        test: McNemar's, first the fine-tuned one.
        tuned_nll: Mean negative log-likelihood, calibrated on these images, in nats.
        probe_nll: Likewise.
    """

    tuned_accuracy: float
    probe_accuracy: float
    test: PairedTest
    tuned_nll: float
    probe_nll: float

    @property
    def tuned_wins(self) -> bool:
        """More right answers than chance explains, or as many and a better likelihood."""
        if self.test.p_value < _SIGNIFICANT:
            return self.tuned_accuracy > self.probe_accuracy
        return self.tuned_accuracy >= self.probe_accuracy and self.tuned_nll < self.probe_nll

    @property
    def words(self) -> str:
        """The outcome in a sentence."""
        kept = "the fine-tuned network is kept" if self.tuned_wins else "the probe is kept"
        return (
            f"{kept}: validation accuracy {self.tuned_accuracy:.3f} fine-tuned against "
            f"{self.probe_accuracy:.3f} of the probe, held out (p = {self.test.p_value:.2g}); "
            f"NLL {self.tuned_nll:.3f} against {self.probe_nll:.3f}"
        )


def compare_with_probe(tuned: Logits, probe: Logits, targets: Indices) -> Contest:
    """Hold both models' logits on the validation images against each other.

    Args:
        tuned: Shape (M, K).
        probe: Shape (M, K), predicted while held out.
        targets: Shape (M,).
    """
    right = [logits.argmax(axis=1) == targets for logits in (tuned, probe)]
    losses = [_calibrated_nll(logits, targets) for logits in (tuned, probe)]
    return Contest(
        tuned_accuracy=float(right[0].mean()),
        probe_accuracy=float(right[1].mean()),
        test=mcnemar(right[0], right[1]),
        tuned_nll=losses[0],
        probe_nll=losses[1],
    )


def _calibrated_nll(logits: Logits, targets: Indices) -> float:
    probabilities = softmax(logits, fit_temperature(logits, targets))
    true = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(true, 1e-12)).mean())


def write_epochs(folder: Path, history: Sequence[EpochRecord]) -> None:
    """Write ``epochs.csv``: what each epoch brought."""
    names = [field.name for field in fields(EpochRecord)]
    write_csv(folder / "epochs.csv", names, ([getattr(r, n) for n in names] for r in history))
