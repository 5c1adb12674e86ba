"""The network that is trained: from raw pixels to logits."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from headstart.backbones.tapped import TappedBackbone

HEAD = "head"
"""Name of the head's parameters within a :class:`Classifier`."""


class Classifier(nn.Module):
    """A backbone and a head on top of it.

    Input: uint8, (N, S, S, 3), RGB. Output: logits (N, K).

    Args:
        backbone: Gives out just the blocks that the head takes, in its order.
        head: From raw features (N, D) to logits (N, K).
    """

    def __init__(self, backbone: TappedBackbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return logits, float32. Shapes as in the class docstring."""
        return self.classify(self.backbone(pixels))

    def classify(self, blocks: Iterable[torch.Tensor]) -> torch.Tensor:
        """Return logits (N, K), float32, of the backbone's blocks, each (N, C), in order."""
        features = torch.cat([block.float() for block in blocks], dim=1)
        with torch.autocast(features.device.type, enabled=False):  # cheap, and worth its digits
            logits: torch.Tensor = self.head(features)
        return logits

    def set_dropout(self, share: float) -> None:
        """Set the share of features that is left out before the head while training."""
        for module in self.head.modules():
            if isinstance(module, nn.Dropout):
                module.p = share


class StandardisedLayers(nn.Module):
    """Dense layers on standardised features, with dropout before the first.

    Raw features differ in scale a thousandfold; on standardised ones a single
    learning rate suits all weights.

    Args:
        layers: Weight (D, H) and bias (H,) of each layer, for raw features.
        mean: Of the raw features, shape (D,).
        scale: Factor of each centred feature, above 0, shape (D,).
        activation: Between layers.
        dropout: Share of features left out while training.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        layers: Iterable[tuple[torch.Tensor, torch.Tensor]],
        *,
        mean: torch.Tensor,
        scale: torch.Tensor,
        activation: nn.Module,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("scale", scale.clone())
        self.dropout = nn.Dropout(dropout)
        self.activation = activation
        (weight, bias), *others = layers
        first = (weight / scale[:, None], bias + mean @ weight)
        self.layers = nn.ModuleList(_linear(*layer) for layer in (first, *others))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K) of raw features (N, D)."""
        values: torch.Tensor = self.dropout((features - self.mean) * self.scale)
        for index, layer in enumerate(self.layers):
            values = layer(self.activation(values) if index else values)
        return values

    @torch.no_grad()
    def raw_layers(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return weight (D, H) and bias (H,) of each layer, for raw features again."""
        linear = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        found = [(layer.weight.T.clone(), layer.bias.clone()) for layer in linear]
        weight, bias = found[0]
        raw = weight * self.scale[:, None]
        return [(raw, bias - self.mean @ raw), *found[1:]]


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(*weight.shape)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        layer.bias.copy_(bias)
    return layer
