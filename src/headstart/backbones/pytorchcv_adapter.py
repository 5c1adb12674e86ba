"""The one file that imports pytorchcv, for the one network that timm lacks."""

from __future__ import annotations

from typing import cast

import torch
from pytorchcv.models.nasnet import nasnet_4a1056
from torch import nn


class NasNetMobile(nn.Module):
    """NASNet-A 4@1056 that answers like timm's networks, for squares of any side.

    Its tensors keep pytorchcv's names. The fixed 7x7 average pool becomes an average over
    all places, which at 224 px is the same.

    Source: Zoph et al., "Learning Transferable Architectures for Scalable Image
    Recognition", arXiv:1707.07012.
    """

    def __init__(self) -> None:
        super().__init__()
        network = nasnet_4a1056()
        self.num_classes = network.num_classes
        self.pretrained_cfg = {"classifier": "output.fc"}
        self.features = network.features
        self.features.final_pool = nn.Identity()
        self.output = network.output

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, K) of normalised images (N, 3, S, S)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last activation, (N, 1056, H, W)."""
        return cast("torch.Tensor", self.features(images))

    def forward_head(self, activation: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Return the logits (N, K), or the mean of the last activation (N, 1056)."""
        mean = activation.mean((2, 3))
        return mean if pre_logits else cast("torch.Tensor", self.output(mean))

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return cast("nn.Module", self.output.fc)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the last layer by a new one of ``num_classes`` outputs; none for 0."""
        self.num_classes = num_classes
        self.output.fc = nn.Linear(1056, num_classes) if num_classes else nn.Identity()
