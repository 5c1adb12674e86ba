"""A network small enough to train in milliseconds, with everything that can be frozen."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from headstart.backbones.catalog import find_backbone
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.training.layers import Layer, list_layers

SIZE_PX = 16
STAGES = ("low", "middle", "high")


class Block(nn.Sequential):
    """Convolution, batch norm, activation, dropout."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Dropout(0.5),
        )


class Toy(nn.Module):
    """Three stages, the last with a layer norm behind it; a position embedding; a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(8, 5)  # built first, and not passed by an image
        self.high = Block(6, 8)
        self.position = nn.Parameter(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
        self.low, self.middle = Block(3, 4), Block(4, 6)
        self.nothing = nn.Identity()
        self.norm = nn.LayerNorm(SIZE_PX)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        images = self.nothing(images + self.position)
        return self.norm(self.high(self.middle(self.low(images))))

    def forward_head(self, activation: torch.Tensor) -> torch.Tensor:
        return self.classifier(activation.mean((2, 3)))


class Classifier(nn.Module):
    """A head on the last average."""

    def __init__(self, network: nn.Module, *, stages: tuple[str, ...], width: int) -> None:
        super().__init__()
        spec = dataclasses.replace(find_backbone("efficientnet_lite0"), taps=stages)
        self.backbone = TappedBackbone(network, spec)
        self.head = nn.Linear(width, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.backbone.network.forward_features(images)  # type: ignore[operator]
        return self.head(features.mean((2, 3)))


@pytest.fixture
def toy() -> Classifier:
    """A classifier whose backbone is small enough to train in milliseconds."""
    torch.manual_seed(0)
    return Classifier(Toy(), stages=STAGES, width=8)


@pytest.fixture(scope="session")
def toy_layers() -> tuple[Layer, ...]:
    return list_layers(Toy(), size_px=SIZE_PX)


@pytest.fixture(scope="session")
def lite0_layers() -> tuple[Layer, ...]:
    with torch.device("meta"):
        network = build_network(find_backbone("efficientnet_lite0"))
    return list_layers(network, size_px=224)
