"""A fitted head as layers to train, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from headstart.config import HeadConfig
from headstart.features.store import Features
from headstart.heads.dense import DenseHead
from headstart.heads.linear import LinearHead
from headstart.heads.presets import DenseSettings, resolve_settings
from headstart.heads.projection import standardise
from headstart.training.network import StandardisedLayers

TrainableHead = LinearHead | DenseHead
Layer = tuple[torch.Tensor, torch.Tensor]
"""Weight (D, H) and bias (H,)."""

_ACTIVATIONS: Final = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class HeadTraining:
    """What a head does in training only: nothing of it is left in the fitted head.

    Attributes:
        dropout: Share left out behind each hidden layer.
        batch_norm: Whether each hidden layer is normalised over the batch.
        standardise: Whether the first layer sees standardised features. Not where the
            features are a random network's, which become others at once.
    """

    dropout: float = 0.0
    batch_norm: bool = False
    standardise: bool = True


def head_training(config: HeadConfig, *, standardise: bool) -> HeadTraining:
    """Return how a configured head is trained.

    Args:
        config: Which head; one without hidden layers has nothing of its own to do.
        standardise: See :class:`HeadTraining`.
    """
    settings = resolve_settings(config)
    if not isinstance(settings, DenseSettings) or not settings.widths:
        return HeadTraining(standardise=standardise)
    return HeadTraining(settings.dropout, settings.batch_norm, standardise)


def build_head_module(
    head: TrainableHead, sample: Features, training: HeadTraining
) -> StandardisedLayers:
    """Return a head as trainable layers that answer as it does.

    A batch norm starts as the identity on the sample: with its mean and variance, undone
    by its own scale and shift.

    Args:
        head: Where training starts.
        sample: Raw features of training images, float16, shape (M, D).
        training: What the head does in training only.
    """
    layers = [(torch.from_numpy(w.copy()), torch.from_numpy(b.copy())) for w, b in _layers(head)]
    activation = _ACTIVATIONS[head.activation if isinstance(head, DenseHead) else "relu"]()
    mean, scale = _spread(sample) if training.standardise else _no_spread(sample.shape[1])
    norms = list(_norms(layers, sample, activation)) if training.batch_norm else []
    return StandardisedLayers(
        layers,
        mean=mean,
        scale=scale,
        activation=activation,
        hidden_dropout=training.dropout,
        norms=norms,
    )


def as_head(like: TrainableHead, module: StandardisedLayers) -> TrainableHead:
    """Return trained layers as a head again, not calibrated.

    Args:
        like: The head that they were made of.
        module: On the CPU.
    """
    layers = [(weight.numpy(), bias.numpy()) for weight, bias in module.raw_layers()]
    if isinstance(like, LinearHead):
        ((weight, bias),) = layers
        return LinearHead(like.classes, like.taps, like.outputs, weight, bias, 1.0)
    weights, biases = zip(*layers, strict=True)
    return DenseHead(like.classes, like.taps, like.outputs, weights, biases, like.activation, 1.0)


def _layers(head: TrainableHead) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    if isinstance(head, LinearHead):
        return [(head.weight, head.bias)]
    return list(zip(head.weights, head.biases, strict=True))


def _spread(sample: Features) -> Layer:
    """Return mean and scale of features; one that never varied has the usual scale."""
    _, mean, scale = standardise(sample)
    usual = float(scale[scale > 0].median()) if (scale > 0).any() else 1.0
    return mean, torch.where(scale > 0, scale, usual)


def _no_spread(width: int) -> Layer:
    return torch.zeros(width), torch.ones(width)


@torch.no_grad()
def _norms(
    layers: list[Layer], sample: Features, activation: nn.Module
) -> Iterator[nn.BatchNorm1d]:
    values = torch.from_numpy(sample.astype(np.float32))
    for weight, bias in layers[:-1]:
        sums = values @ weight + bias
        norm = nn.BatchNorm1d(len(bias))
        variance, mean = torch.var_mean(sums, 0, correction=0)
        norm.running_mean, norm.running_var = mean.clone(), variance.clone()
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
        yield norm
        values = activation(sums)
