"""What stays as it is in training: weights, batch statistics, and modes of frozen parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.tapped import TappedBackbone
from headstart.training.expressions import choose_trained
from headstart.training.layers import Layer
from headstart.training.stages import frozen_boundary

BatchNormMode = Literal["frozen", "train"]


class HeadedBackbone(Protocol):
    """A classifier in training: a module with a backbone and a head."""

    @property
    def backbone(self) -> TappedBackbone:
        """The network below."""
        ...

    @property
    def head(self) -> nn.Module:
        """What is always trained."""
        ...

    def train(self, mode: bool = True) -> object:
        """Set the mode of all of it."""
        ...


@dataclass(frozen=True)
class Freezing:
    """What is trained of one network.

    Attributes:
        expression: As the user wrote it.
        words: What was understood.
        layers: The backbone's layers.
        trained: Names of its trained weights, as in its state dict.
        batch_norm: ``frozen``: no batch norm ever uses or learns a batch's statistics;
            ``train``: those with trained weights do. Their scale and shift are weights
            like others.
        boundary: Last stage that is frozen with everything before it; ``None``: none is.
    """

    expression: str
    words: str
    layers: tuple[Layer, ...]
    trained: frozenset[str]
    batch_norm: BatchNormMode
    boundary: str | None

    @property
    def trained_layers(self) -> tuple[Layer, ...]:
        """Layers with trained weights."""
        return tuple(la for la in self.layers if not self.trained.isdisjoint(la.weights))

    @property
    def first_trained(self) -> Layer | None:
        """The trained layer nearest to the input."""
        return next(iter(self.trained_layers), None)

    @property
    def parameters_total(self) -> int:
        """Weights of the backbone, its own classifier not counted."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def parameters_trained(self) -> int:
        """Those of them that are trained."""
        sizes = [size for la in self.layers for w, size in la.weights.items() if w in self.trained]
        return sum(sizes)

    @property
    def summary(self) -> str:
        """One line for a person."""
        total, trained = self.parameters_total, self.parameters_trained
        below = f"frozen up to {self.boundary}" if self.boundary else "no stage is frozen"
        share = 100 * trained / total if total else 0
        return (
            f"{self.words}: {trained:,} of {total:,} backbone parameters ({share:.1f} %), "
            f"{below}, batch norm {'trains' if self.batch_norm == 'train' else 'frozen'}"
        )


def plan_freezing(
    expression: str,
    layers: Sequence[Layer],
    stages: Sequence[str],
    *,
    batch_norm: BatchNormMode = "frozen",
) -> Freezing:
    """Return what an expression trains, without touching a network.

    Args:
        expression: See :func:`headstart.training.expressions.choose_trained`.
        layers: The backbone's layers.
        stages: Its taps, in depth order.
        batch_norm: See :class:`Freezing`.

    Raises:
        ConfigError: The expression means nothing, counts too far or matches nothing.
    """
    choice = choose_trained(expression, layers, stages)
    boundary = frozen_boundary(choice.names, layers, stages)
    return Freezing(expression, choice.words, tuple(layers), choice.names, batch_norm, boundary)


def apply_freezing(
    classifier: HeadedBackbone,
    expression: str,
    *,
    layers: Sequence[Layer],
    batch_norm: BatchNormMode = "frozen",
) -> Freezing:
    """Let gradients reach the trained weights and the head only; set the modes.

    Args:
        classifier: Changed in place.
        expression: What is trained.
        layers: Its backbone's, from :func:`headstart.training.layers.list_layers`.
        batch_norm: See :class:`Freezing`.

    Raises:
        ConfigError: See :func:`plan_freezing`; nothing is changed then.
    """
    backbone = classifier.backbone
    freezing = plan_freezing(expression, layers, backbone.taps, batch_norm=batch_norm)
    for name, parameter in backbone.network.named_parameters():
        parameter.requires_grad_(name in freezing.trained)
    for parameter in classifier.head.parameters():
        parameter.requires_grad_(True)
    set_mode(classifier, freezing)
    return freezing


def set_mode(classifier: HeadedBackbone, freezing: Freezing) -> None:
    """Put what is trained into training mode and the rest into inference mode.

    To be called at the start of each epoch, and after each validation. Frozen batch norms
    keep their running statistics; dropout and stochastic depth act only on what a trained
    layer gives them.

    Args:
        classifier: Changed in place.
        freezing: What :func:`apply_freezing` returned.
    """
    classifier.train()
    network = classifier.backbone.network
    network.eval()
    for name in _training(freezing):
        module = network.get_submodule(name)
        module.training = freezing.batch_norm == "train" or not isinstance(module, _BatchNorm)


def _training(freezing: Freezing) -> Iterator[str]:
    """Yield the modules that train, batch norms as if they did."""
    for name in freezing.trained:  # what holds trained weights, and all around it
        parts = name.split(".")[:-1]
        yield from (".".join(parts[:end]) for end in range(len(parts) + 1))
    trains = False
    for layer in freezing.layers:  # what holds none goes with the layer before it
        if layer.weights:
            trains = not freezing.trained.isdisjoint(layer.weights)
        elif trains:
            yield layer.name
