"""The one file that imports timm."""

from __future__ import annotations

from typing import cast

import timm
import torch

from headstart.backbones.spec import BackboneSpec
from headstart.backbones.weights import load_packaged


def build_network(spec: BackboneSpec, *, pretrained: bool = True) -> torch.nn.Module:
    """Build a catalog entry's network in inference mode, on the CPU, in float32.

    Args:
        spec: Catalog entry.
        pretrained: Load its weights; otherwise they are random.

    Raises:
        WeightsError: The weights are missing, damaged or do not fit.
    """
    network = cast("torch.nn.Module", timm.create_model(spec.architecture, pretrained=False))
    if pretrained:
        network.load_state_dict(load_packaged(spec, network.state_dict()))
    return network.eval()
