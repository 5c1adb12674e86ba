"""The one file that imports timm."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, Final, cast

import timm
import torch

from headstart.backbones.spec import BackboneSpec
from headstart.backbones.weights.file import WeightsFile
from headstart.backbones.weights.fitting import Renaming
from headstart.backbones.weights.loading import initialised, load_weights

_FILTERS: Final = (
    "checkpoint_filter_fn",
    "_filter_fn",
    "pretrained_filter_fn",
    "_filter_torchvision_pretrained",
)
"""What timm's modules call the function that converts older checkpoints."""


def build_network(spec: BackboneSpec, weights: WeightsFile | None = None) -> torch.nn.Module:
    """Build a catalog entry's network in inference mode, on the CPU, in float32.

    Args:
        spec: Catalog entry.
        weights: What to load; ``None`` leaves the library's random initial weights. Where
            they bring no classifier that fits, or are random on purpose, the network has
            none: its ``num_classes`` is 0.

    Raises:
        WeightsError: The weights are damaged or do not fit.
    """
    with initialised(weights):
        network = cast("Any", timm.create_model(spec.architecture, pretrained=False))
    classified = load_weights(
        network,
        weights,
        classifier=_classifier(network),
        renamings=_renamings(spec, network),
    )
    if not classified:
        network.reset_classifier(0)
    return cast("torch.nn.Module", network.eval())


def _classifier(network: Any) -> tuple[str, ...]:
    named = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    return (named,) if isinstance(named, str) else tuple(named)


def _renamings(spec: BackboneSpec, network: torch.nn.Module) -> list[Renaming]:
    """Return timm's conversion for an architecture: head renames, resampled positions."""
    entry = timm.model_entrypoint(spec.architecture.partition(".")[0])
    module = sys.modules[entry.__module__]
    found = (getattr(module, name, None) for name in _FILTERS)
    convert = next((function for function in found if function is not None), None)
    return [partial(_converted, convert, network)] if convert else []


def _converted(convert: Any, network: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> Any:
    takes_network = convert.__code__.co_argcount > 1
    return convert(tensors, network) if takes_network else convert(tensors)
