"""From a fitted head and a pretrained backbone to a fine-tuned network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from headstart.backbones.graph import BackboneGraph, write_module
from headstart.backbones.tapped import TappedBackbone
from headstart.config.training import PhaseConfig, TrainingConfig
from headstart.features.table import FeatureTable
from headstart.heads.projection import ENOUGH_ROWS
from headstart.heads.reduction import sample_rows
from headstart.progress import Progress
from headstart.training.answers import answer
from headstart.training.arithmetic import Arithmetic
from headstart.training.arithmetic_choice import Work, choose_arithmetic
from headstart.training.augmentation import Augmenter, is_off, resolve
from headstart.training.batch_statistics import adopt_statistics
from headstart.training.batches import Examples, Feed
from headstart.training.checkpoints import Checkpoints
from headstart.training.fast_convs import restore
from headstart.training.head_module import (
    HeadTraining,
    TrainableHead,
    as_head,
    build_head_module,
)
from headstart.training.loop import EpochRecord, Listener, Trainer
from headstart.training.losses import soft_targets
from headstart.training.lr_finder import RateRange, find_rates
from headstart.training.memory import freed_memory_kept
from headstart.training.network import Classifier, StandardisedLayers
from headstart.training.plan import plan_phases
from headstart.training.rate_curve import RateCurve
from headstart.training.sampling import Rows
from headstart.training.step import TrainingStep
from headstart.training.trunk import TrunkCache

_EXAMPLE_IMAGES = 4
_TIMED_IMAGES = 16
_STATISTICS_BATCH = 32


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned network.

    Attributes:
        graph: The backbone, exported; its outputs are those that the head takes.
        head: For its raw features, not calibrated yet.
        history: What each epoch brought.
        arithmetic: How it was computed.
    """

    graph: BackboneGraph
    head: TrainableHead
    history: tuple[EpochRecord, ...]
    arithmetic: Arithmetic


@dataclass(frozen=True)
class TuningTask:
    """What is fine-tuned, on what.

    Attributes:
        backbone: The network to start from.
        head: The head to start from; fitted without the validation images.
        features: The backbone's features of the training images: their spread.
        columns: Positions of the head's features in them.
        train: Training pixels, with a margin where augmentation moves things.
        validation: Validation pixels, exactly as they will be deployed.
        size_px: Side of the square that the network takes.
        seed: Of every draw.
        head_training: What the head does in training only.
    """

    backbone: TappedBackbone
    head: TrainableHead
    features: FeatureTable
    columns: npt.NDArray[np.int64]
    train: Examples
    validation: Examples
    size_px: int
    seed: int
    head_training: HeadTraining = field(default_factory=HeadTraining)

    def head_module(self) -> StandardisedLayers:
        """Return the head as layers to train, beside the spread of its features."""
        rows = sample_rows(np.arange(len(self.features)), ENOUGH_ROWS, self.seed)
        sample = self.features.read(rows, self.columns)
        return build_head_module(self.head, sample, self.head_training)

    @property
    def train_px(self) -> int:
        """Side of the training squares, margin included."""
        return int(self.train.inputs.read(np.arange(1)).shape[1])


class FineTuning:
    """One network being fine-tuned.

    Args:
        task: What, and on what.
        config: How.
        device: Where.
        progress: Who is told.
    """

    def __init__(
        self, task: TuningTask, config: TrainingConfig, *, device: torch.device, progress: Progress
    ) -> None:
        self._task = task
        self._config = config
        self._device = device
        self._progress = progress
        task.backbone.narrow(task.head.outputs)
        module = Classifier(task.backbone, task.head_module())
        self.network = module.to(memory_format=torch.channels_last).to(device)
        augmentation = resolve(config.augmentation)
        plain = is_off(augmentation) and task.train_px == task.size_px
        augment = None if plain else Augmenter(augmentation, task.size_px)
        classes = len(task.head.classes)
        self._feed = Feed(task.train, classes, augment, task.seed, device)

    @freed_memory_kept()
    def choose_arithmetic(self, phases: Sequence[PhaseConfig] = ()) -> Arithmetic:
        """Measure which arithmetic is fastest here, and say so; the network is left as it was.

        One that the settings name is taken unmeasured.

        Args:
            phases: What is to be trained; on a GPU they decide whether compiling is worth it.

        Raises:
            TrainingError: A training step works in none, such as for want of memory.
        """
        if self._config.arithmetic != "auto":
            self._progress.say(f"arithmetic: {self._config.arithmetic}, as configured")
            return Arithmetic(self._config.arithmetic)
        kept = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        with self._progress.wait("timing a training step"):
            found = choose_arithmetic(
                self.network.backbone.network,
                self._example(self._timed_images(phases)),
                partial(self._time_step, self._timed_images(phases)),
                device=self._device,
                taps=self.network.backbone.taps,
                work=self._work(phases),
            )
        restore(self.network.backbone.network)
        self.network.load_state_dict(kept)
        self.network.zero_grad(set_to_none=True)
        self._progress.say(f"arithmetic: {found.words}")
        return found.arithmetic

    def _timed_images(self, phases: Sequence[PhaseConfig]) -> int:
        """On a GPU whole batches, as its speed depends on them."""
        if self._device.type == "cpu" or not phases:
            return _TIMED_IMAGES
        return min(phases[0].batch_size, len(self._task.train))

    def _work(self, phases: Sequence[PhaseConfig]) -> Work:
        images = len(self._task.train)
        steps = sum(phase.epochs * -(-images // phase.batch_size) for phase in phases)
        return Work(steps, max(1, len(phases)))

    @freed_memory_kept()
    def find_rates(
        self, phase: PhaseConfig, arithmetic: Arithmetic, wanted: RateRange
    ) -> RateCurve:
        """Test a range of learning rates on training images; the network is left as it was.

        Raises:
            ConfigError: A phase that makes no sense for this network.
            TrainingError: The loss is no number from the start.
        """
        example = self._example(_EXAMPLE_IMAGES)
        (plan,) = plan_phases(self.network, [phase], arithmetic=arithmetic, example=example)
        return find_rates(
            self.network,
            self._feed,
            plan,
            wanted,
            arithmetic=arithmetic,
            progress=self._progress,
        )

    @freed_memory_kept()
    def run(
        self,
        phases: Sequence[PhaseConfig],
        arithmetic: Arithmetic,
        folder: Path,
        *,
        listen: Listener = lambda history: None,
    ) -> tuple[EpochRecord, ...]:
        """Train through phases, going on from the last checkpoint in the folder.

        Args:
            phases: In order.
            arithmetic: How steps are computed.
            folder: Of the checkpoints.
            listen: Who is shown the whole history after every epoch.

        Raises:
            ConfigError: A phase that makes no sense for this network.
            TrainingError: The loss is no longer a number.
        """
        cache = self._cache(folder)
        arithmetic = replace(arithmetic, say=self._progress.say)
        plans = plan_phases(
            self.network,
            phases,
            arithmetic=arithmetic,
            example=self._example(_EXAMPLE_IMAGES),
            cache=cache,
        )
        trainer = Trainer(
            self.network,
            self._feed,
            self._task.validation,
            plans,
            arithmetic=arithmetic,
            checkpoints=Checkpoints(folder),
            checkpoint_s=60 * self._config.checkpoint_minutes,
            progress=self._progress,
            listen=listen,
        )
        history = trainer.run()
        cache.clear()
        return history

    def _cache(self, folder: Path) -> TrunkCache:
        return TrunkCache(
            folder=folder / "trunk",
            feed=self._feed,
            validation=self._task.validation,
            limit_gb=self._config.trunk_cache_gb,
            views=self._config.trunk_views,
            progress=self._progress,
        )

    @freed_memory_kept()
    def answer(
        self, examples: Examples, arithmetic: Arithmetic, *, mirrored: bool = False
    ) -> npt.NDArray[np.float64]:
        """Return the logits of some images as the network is now, shape (N, K).

        Args:
            examples: Whose inputs are read; targets are not looked at.
            arithmetic: How it is computed.
            mirrored: See :attr:`~headstart.backbones.tapped.TappedBackbone.mirrored`.
        """
        self.network.backbone.mirrored = mirrored
        try:
            logits = answer(self.network, examples, arithmetic, self._device)
        finally:
            self.network.backbone.mirrored = False
        return logits.double().numpy()

    @freed_memory_kept()
    def adopt_statistics(self, rows: Rows, arithmetic: Arithmetic) -> npt.NDArray[np.float32]:
        """Give batch norms the statistics of training images, as they are shown.

        Args:
            rows: Of the training images.
            arithmetic: How it is computed.

        Returns:
            The head's features of the first M of them under these statistics, shape (M, D).
        """
        return adopt_statistics(
            self.network.backbone,
            self._feed.shown(),
            rows,
            arithmetic=arithmetic,
            batch_size=_STATISTICS_BATCH,
        )

    def export(
        self,
        folder: Path,
        history: tuple[EpochRecord, ...],
        arithmetic: Arithmetic,
        *,
        mirrored: bool = False,
    ) -> Tuned:
        """Write the network as it is now; nothing can be trained after this.

        Args:
            folder: Where the graph goes.
            history: What each epoch brought.
            arithmetic: How it was computed.
            mirrored: Whether the graph averages an image and its mirror image.
        """
        restore(self.network.backbone.network)
        module = self.network.to("cpu").to(memory_format=torch.contiguous_format).eval()
        module.backbone.mirrored = mirrored
        graph = write_module(module.backbone, folder, self._task.size_px)
        assert isinstance(module.head, StandardisedLayers)
        return Tuned(graph, as_head(self._task.head, module.head), history, arithmetic)

    def _pixels(self, images: int) -> torch.Tensor:
        shape = (images, self._task.size_px, self._task.size_px, 3)
        draws = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draws)
        return pixels.to(self._device)

    def _example(self, images: int) -> torch.Tensor:
        normal: torch.Tensor = self.network.backbone.normalise(self._pixels(images))
        return normal.contiguous(memory_format=torch.channels_last)

    def _time_step(self, images: int, arithmetic: Arithmetic) -> None:
        self.network.eval()
        still = torch.optim.SGD(self.network.parameters(), lr=0.0)
        step = TrainingStep(
            self.network,
            still,
            nn.functional.cross_entropy,
            arithmetic=arithmetic,
            device=self._device,
        )
        labels = torch.zeros(images, dtype=torch.int64)
        targets = soft_targets(labels, len(self._task.head.classes)).to(self._device)
        step.gradients((self._pixels(images), targets))
        step.update()
