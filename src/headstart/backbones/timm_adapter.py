"""The one file that imports timm."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from typing import Any, Final, cast

import timm
import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.vgg import ConvMlp

from headstart.backbones.sizes import check_size
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.stretching import stretch_small_inputs
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


def build_network(
    spec: BackboneSpec, weights: WeightsFile | None = None, *, size_px: int | None = None
) -> torch.nn.Module:
    """Build a catalog entry's network in inference mode, on the CPU, in float32.

    Args:
        spec: Catalog entry.
        weights: What to load; ``None`` leaves the library's random initial weights. Where
            they bring no classifier that fits, or are random on purpose, the network has
            none: its ``num_classes`` is 0.
        size_px: Side of the squares it will be given; its own where not given.

    Raises:
        ConfigError: The network cannot take squares of that side.
        WeightsError: The weights are damaged or do not fit.
    """
    check_size(spec, size_px or spec.size_px)
    with initialised(weights):
        network = cast("Any", construct(spec, size_px=size_px))
    classified = load_weights(
        network,
        weights,
        classifier=_classifier(network),
        renamings=_renamings(spec, network),
    )
    if not classified:
        network.reset_classifier(0)
    return adapt_size(network, spec, size_px).eval()


def _classifier(network: Any) -> tuple[str, ...]:
    named = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    return (named,) if isinstance(named, str) else tuple(named)


def _renamings(spec: BackboneSpec, network: torch.nn.Module) -> list[Renaming]:
    """Return timm's conversion for an architecture: head renames, resampled positions."""
    if spec.library != "timm":
        return []
    entry = timm.model_entrypoint(spec.architecture.partition(".")[0])
    module = sys.modules[entry.__module__]
    found = (getattr(module, name, None) for name in _FILTERS)
    convert = next((function for function in found if function is not None), None)
    return [partial(_converted, convert, network)] if convert else []


def _converted(convert: Any, network: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> Any:
    takes_network = convert.__code__.co_argcount > 1
    return convert(tensors, network) if takes_network else convert(tensors)


def construct(spec: BackboneSpec, *, size_px: int | None = None) -> torch.nn.Module:
    """Build a network by its library, weights random, shapes those of its published weights.

    The from-scratch networks have no published weights, and layers that fit one size.
    """
    if spec.library == "timm":
        return create_timm(spec.architecture)
    if spec.library == "pytorchcv":
        from headstart.backbones.pytorchcv_adapter import NasNetMobile

        return NasNetMobile()
    from headstart.backbones.scratch import build_scratch

    return build_scratch(spec.architecture, size_px=size_px or spec.size_px)


def adapt_size(
    network: torch.nn.Module, spec: BackboneSpec, size_px: int | None
) -> torch.nn.Module:
    """Resample what depends on the input's size, such as position embeddings, by timm.

    To be called after the weights are loaded, which fit the native size.
    """
    resize = getattr(network, "set_input_size", None)
    if resize is None or size_px in (None, spec.size_px):
        return network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # timm's tables are not as PyTorch likes them
        resize(img_size=(size_px, size_px), **_windows(network))
    return network


def _windows(network: torch.nn.Module) -> dict[str, int]:
    """Return the side of the windows that Swin's tables were trained for; it pads to them."""
    if not isinstance(network, SwinTransformer | SwinTransformerV2):
        return {}
    blocks = (module for module in network.modules() if hasattr(module, "window_size"))
    sides = [block.window_size[0] for block in blocks if isinstance(block.window_size, tuple)]
    return {"window_size": max(sides)}


def create_timm(architecture: str) -> torch.nn.Module:
    """Build a timm network with random weights; its name may carry a pretrained tag."""
    network = cast("torch.nn.Module", timm.create_model(architecture, pretrained=False))
    dense = getattr(network, "pre_logits", None)
    if isinstance(dense, ConvMlp):
        stretch_small_inputs(dense, dense.input_kernel_size)
    return network


def timm_names() -> list[str]:
    """Return every name that timm knows, with and without a pretrained tag."""
    return [*timm.list_models(), *timm.list_models(pretrained=True)]


def timm_card(name: str) -> Any:
    """Return what timm knows of a network's weights: preprocessing, licence, where they are.

    A name without a tag means timm's first choice of weights.
    """
    return timm.get_pretrained_cfg(name)
