"""Small networks that are trained from scratch, drawn as the replaced systems drew them.

Every convolution is 3x3 with zero padding (``same``) and a ReLU, every pool 2x2. They
answer like timm's networks do: ``forward_features``, ``forward_head``, ``reset_classifier``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

CLASSES: Final = 1000
"""Classes that a network is built for; ``reset_classifier`` changes it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Some convolutions and the pool behind them.

    Attributes:
        channels: Output channels of each convolution.
        dropout: Share of activations set to zero behind the pool while training.
    """

    channels: tuple[int, ...]
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole network.

    Attributes:
        stages: Its convolutions, in order.
        dense: Width of the hidden layer.
        dropout: Share set to zero behind the hidden layer while training.
        batch_norm: Whether each convolution's ReLU is followed by a batch norm.
    """

    stages: tuple[Stage, ...]
    dense: int
    dropout: float
    batch_norm: bool = False


DRAWINGS: Final[dict[str, Drawing]] = {
    "cnn1": Drawing((Stage((32,)),), dense=1024, dropout=0.5),
    "cnn6": Drawing(
        (Stage((32, 32), 0.2), Stage((64, 64), 0.2), Stage((128, 128), 0.2)),
        dense=512,
        dropout=0.5,
    ),
    "cifar_cnn": Drawing(
        (Stage((32, 32), 0.2), Stage((64, 32), 0.2), Stage((128,), 0.2)),
        dense=256,
        dropout=0.45,
        batch_norm=True,
    ),
}
"""Architecture -> its drawing."""


class ScratchCnn(nn.Module):
    """A convolution stack, one hidden layer, a classifier.

    Args:
        drawing: What it is made of.
        size_px: Side of its input, a fixed one: the hidden layer sees every place.
        num_classes: Outputs.
    """

    def __init__(self, drawing: Drawing, *, size_px: int, num_classes: int = CLASSES) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.pretrained_cfg = {"classifier": "classifier"}
        self.stages = nn.ModuleList(_stage(*widths) for widths in _widths(drawing))
        self._width = drawing.dense
        side = size_px // 2 ** len(drawing.stages)
        self.hidden = nn.Sequential(
            nn.Linear(drawing.stages[-1].channels[-1] * side * side, drawing.dense),
            nn.ReLU(),
            nn.Dropout(drawing.dropout),
        )
        self.classifier: nn.Module = nn.Linear(drawing.dense, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, K) of normalised images (N, 3, S, S)."""
        logits: torch.Tensor = self.forward_head(self.forward_features(images))
        return logits

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last pool's activation, (N, C, H, W)."""
        for stage in self.stages:
            images = stage(images)
        return images

    def forward_head(self, activation: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Return the logits (N, K), or the hidden layer's answer (N, D)."""
        hidden: torch.Tensor = self.hidden(activation.flatten(1))
        return hidden if pre_logits else self.classifier(hidden)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.classifier

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the last layer by a new one of ``num_classes`` outputs; none for 0."""
        self.num_classes = num_classes
        self.classifier = nn.Linear(self._width, num_classes) if num_classes else nn.Identity()


def build_scratch(architecture: str, *, size_px: int) -> ScratchCnn:
    """Build a network of :data:`DRAWINGS` with random weights for squares of one side."""
    return ScratchCnn(DRAWINGS[architecture], size_px=size_px)


def _widths(drawing: Drawing) -> Iterator[tuple[int, Stage, bool]]:
    before = 3
    for stage in drawing.stages:
        yield before, stage, drawing.batch_norm
        before = stage.channels[-1]


def _stage(channels_in: int, stage: Stage, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in stage.channels:
        layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.ReLU()]
        layers += [nn.BatchNorm2d(channels)] if batch_norm else []
        channels_in = channels
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Dropout(stage.dropout))
