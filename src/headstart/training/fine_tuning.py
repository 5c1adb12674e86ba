"""From a fitted head and a pretrained backbone to a fine-tuned network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from headstart.heads.dense import DenseHead
from headstart.heads.linear import LinearHead
from headstart.heads.projection import ENOUGH_ROWS, standardise
from headstart.heads.reduction import sample_rows
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.arithmetic_choice import Work, choose_arithmetic
from headstart.training.augmentation import Augmenter, is_off, resolve
from headstart.training.batches import Examples, Feed
from headstart.training.checkpoints import Checkpoints
from headstart.training.fast_convs import restore
from headstart.training.loop import EpochRecord, Trainer
from headstart.training.losses import soft_targets
from headstart.training.lr_finder import RateRange, find_rates
from headstart.training.network import Classifier, StandardisedLayers
from headstart.training.plan import plan_phases
from headstart.training.rate_curve import RateCurve
from headstart.training.step import TrainingStep

TrainableHead = LinearHead | DenseHead
Array = npt.NDArray[np.float32]

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
_EXAMPLE_IMAGES = 4
_TIMED_IMAGES = 16


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
    """

    backbone: TappedBackbone
    head: TrainableHead
    features: FeatureTable
    columns: npt.NDArray[np.int64]
    train: Examples
    validation: Examples
    size_px: int
    seed: int


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
        module = Classifier(task.backbone, head_module(task))
        self.network = module.to(memory_format=torch.channels_last).to(device)
        augmentation = resolve(config.augmentation)
        augment = None if is_off(augmentation) else Augmenter(augmentation, task.size_px)
        classes = len(task.head.classes)
        self._feed = Feed(task.train, classes, augment, task.seed, device)

    def choose_arithmetic(self, phases: Sequence[PhaseConfig] = ()) -> Arithmetic:
        """Measure which arithmetic is fastest here, and say so; the network is left as it was.

        Args:
            phases: What is to be trained; on a GPU they decide whether compiling is worth it.

        Raises:
            TrainingError: A training step works in none, such as for want of memory.
        """
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

    def run(
        self, phases: Sequence[PhaseConfig], arithmetic: Arithmetic, folder: Path
    ) -> tuple[EpochRecord, ...]:
        """Train through phases, going on from the last checkpoint in the folder.

        Raises:
            ConfigError: A phase that makes no sense for this network.
            TrainingError: The loss is no longer a number.
        """
        arithmetic = replace(arithmetic, say=self._progress.say)
        plans = plan_phases(
            self.network, phases, arithmetic=arithmetic, example=self._example(_EXAMPLE_IMAGES)
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
        )
        return trainer.run()

    def export(
        self, folder: Path, history: tuple[EpochRecord, ...], arithmetic: Arithmetic
    ) -> Tuned:
        """Write the network as it is now; nothing can be trained after this."""
        restore(self.network.backbone.network)
        module = self.network.to("cpu").to(memory_format=torch.contiguous_format).eval()
        graph = write_module(module.backbone, folder, self._task.size_px)
        assert isinstance(module.head, StandardisedLayers)
        return Tuned(graph, _as_head(self._task.head, module.head), history, arithmetic)

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


def head_module(task: TuningTask) -> StandardisedLayers:
    """Return a head as trainable layers on standardised features."""
    head = task.head
    rows = sample_rows(np.arange(len(task.features)), ENOUGH_ROWS, task.seed)
    _, mean, scale = standardise(task.features.read(rows, task.columns))
    usual = float(scale[scale > 0].median()) if (scale > 0).any() else 1.0
    activation = _ACTIVATIONS[head.activation] if isinstance(head, DenseHead) else nn.ReLU
    return StandardisedLayers(
        [(torch.from_numpy(w.copy()), torch.from_numpy(b.copy())) for w, b in _layers(head)],
        mean=mean,
        scale=torch.where(scale > 0, scale, usual),
        activation=activation(),
    )


def _layers(head: TrainableHead) -> list[tuple[Array, Array]]:
    if isinstance(head, LinearHead):
        return [(head.weight, head.bias)]
    return list(zip(head.weights, head.biases, strict=True))


def _as_head(like: TrainableHead, module: StandardisedLayers) -> TrainableHead:
    layers = [(weight.numpy(), bias.numpy()) for weight, bias in module.raw_layers()]
    if isinstance(like, LinearHead):
        ((weight, bias),) = layers
        return LinearHead(like.classes, like.taps, like.outputs, weight, bias, 1.0)
    weights, biases = zip(*layers, strict=True)
    return DenseHead(like.classes, like.taps, like.outputs, weights, biases, like.activation, 1.0)
