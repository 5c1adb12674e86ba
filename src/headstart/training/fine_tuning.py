"""From a fitted head and a pretrained backbone to a fine-tuned network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from headstart.training.answers import answer
from headstart.training.arithmetic import Arithmetic, choose_arithmetic
from headstart.training.augmentation import Augmenter, is_off, resolve
from headstart.training.batch_statistics import adopt_statistics
from headstart.training.batches import Examples, Feed
from headstart.training.checkpoints import Checkpoints
from headstart.training.fast_convs import restore
from headstart.training.loop import EpochRecord, Trainer
from headstart.training.losses import soft_targets
from headstart.training.network import Classifier, StandardisedLayers
from headstart.training.plan import plan_phases
from headstart.training.sampling import Rows
from headstart.training.trunk import TrunkCache

TrainableHead = LinearHead | DenseHead
Array = npt.NDArray[np.float32]

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
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
    """

    backbone: TappedBackbone
    head: TrainableHead
    features: FeatureTable
    columns: npt.NDArray[np.int64]
    train: Examples
    validation: Examples
    size_px: int
    seed: int

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
        module = Classifier(task.backbone, head_module(task))
        self.network = module.to(memory_format=torch.channels_last).to(device)
        augmentation = resolve(config.augmentation)
        plain = is_off(augmentation) and task.train_px == task.size_px
        augment = None if plain else Augmenter(augmentation, task.size_px)
        classes = len(task.head.classes)
        self._feed = Feed(task.train, classes, augment, task.seed, device)

    def choose_arithmetic(self) -> Arithmetic:
        """Measure which arithmetic is fastest here, and say so; the network is left as it was.

        One that the settings name is taken unmeasured.
        """
        if self._config.arithmetic != "auto":
            return Arithmetic(self._config.arithmetic)
        kept = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        with self._progress.wait("timing a training step"):
            found = choose_arithmetic(
                self.network.backbone.network,
                self._example(_TIMED_IMAGES),
                self._time_step,
                device=self._device,
            )
        restore(self.network.backbone.network)
        self.network.load_state_dict(kept)
        self.network.zero_grad(set_to_none=True)
        rate = f", {found.images_per_s:.0f} images/s" if found.images_per_s else ""
        self._progress.say(f"arithmetic: {found.name}{rate}")
        return found

    def run(
        self, phases: Sequence[PhaseConfig], arithmetic: Arithmetic, folder: Path
    ) -> tuple[EpochRecord, ...]:
        """Train through phases, going on from the last checkpoint in the folder.

        Raises:
            ConfigError: A phase that makes no sense for this network.
            TrainingError: The loss is no longer a number.
        """
        cache = self._cache(folder)
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

    def adopt_statistics(self, rows: Rows, arithmetic: Arithmetic) -> Array:
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
        return Tuned(graph, _as_head(self._task.head, module.head), history, arithmetic)

    def _example(self, images: int) -> torch.Tensor:
        shape = (images, self._task.size_px, self._task.size_px, 3)
        draws = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draws)
        normal: torch.Tensor = self.network.backbone.normalise(pixels.to(self._device))
        return normal.contiguous(memory_format=torch.channels_last)

    def _time_step(self, arithmetic: Arithmetic) -> None:
        self.network.eval()
        rows = np.arange(min(_TIMED_IMAGES, len(self._task.train)))
        pixels = self._task.validation.inputs.read(rows[: len(self._task.validation)])
        shown = pixels.repeat(-(-_TIMED_IMAGES // len(pixels)), 1, 1, 1)[:_TIMED_IMAGES]
        with arithmetic.applied(self._device):
            logits = self.network(shown.to(self._device))
        targets = soft_targets(torch.zeros(_TIMED_IMAGES, dtype=torch.int64), logits.shape[1])
        nn.functional.cross_entropy(logits, targets.to(self._device)).backward()  # type: ignore[no-untyped-call]


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
