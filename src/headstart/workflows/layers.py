"""``headstart layers``: a backbone's layers by number, and what an expression would train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import FLAT, BackboneSpec
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.config import HeadConfig
from headstart.config.schema import Activation
from headstart.errors import ConfigError, listed
from headstart.heads.presets import (
    PRESETS,
    DenseSettings,
    LinearSettings,
    resolve_settings,
    taps_wanted,
)
from headstart.reporting.network_drawing import DrawnLayer, DrawnRow, draw_network
from headstart.training.freezing import BatchNormMode, Freezing, plan_freezing
from headstart.training.layers import Layer, list_called, list_layers
from headstart.training.stages import stage_names, stage_numbers

_LAYERED = (LinearSettings, DenseSettings)
_ACTIVATIONS: Mapping[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class LayerListing:
    """The layers of a backbone, and of a head on it.

    Attributes:
        backbone: Canonical name.
        size_px: Side of the square that the shapes are for.
        layers: Those of the backbone, in forward order, numbered from 0.
        stages: Its stages by their modules, in depth order.
        stage_numbers: Stage of each layer, counted from 0.
        head: Layers of the head, numbered on; empty where none was asked for.
        freezing: What the expression trains; ``None`` where none was given.
    """

    backbone: str
    size_px: int
    layers: tuple[Layer, ...]
    stages: tuple[str, ...]
    stage_numbers: tuple[int, ...]
    head: tuple[Layer, ...]
    freezing: Freezing | None

    def is_trained(self, layer: Layer) -> bool:
        """Whether any weight of a layer is trained; nothing is where no expression was given."""
        if self.freezing is None:
            return False
        mine = layer.number < len(self.layers)
        return not self.freezing.trained.isdisjoint(layer.weights) if mine else bool(layer.weights)


def list_backbone(
    backbone: str,
    *,
    size_px: int | None = None,
    head: str | None = None,
    classes: int = 10,
    train: str | None = None,
    batch_norm: BatchNormMode = "frozen",
) -> LayerListing:
    """Return the layers of a backbone. Its weights are not needed, and nothing is computed.

    Args:
        backbone: A name or alias.
        size_px: Side of the square; the backbone's own where not given.
        head: One of :data:`headstart.heads.presets.PRESETS` that is made of layers and
            takes pooled features; ``linear`` is shown on all taps.
        classes: Outputs of the head.
        train: See :func:`headstart.training.expressions.choose_trained`.
        batch_norm: Whether batch norms with trained weights train.

    Raises:
        UnknownNameError: No such backbone or head.
        ConfigError: The expression means nothing, or the size does not fit the network.
    """
    spec = find_backbone(backbone)
    side_px = spec.size_px if size_px is None else size_px
    with torch.device("meta"):  # shapes without arithmetic
        tapped = TappedBackbone(build_network(spec, size_px=side_px), spec)
        layers = _fitting(tapped.network, spec, side_px)
        top = _head_layers(tapped, head, classes, side_px) if head else ()
    freezing = train and plan_freezing(train, layers, spec.taps, batch_norm=batch_norm)
    return LayerListing(
        backbone=spec.name,
        size_px=side_px,
        layers=layers,
        stages=stage_names(layers, spec.taps),
        stage_numbers=stage_numbers(layers, spec.taps),
        head=tuple(replace(layer, number=len(layers) + layer.number) for layer in top),
        freezing=freezing or None,
    )


def _fitting(network: nn.Module, spec: BackboneSpec, size_px: int) -> tuple[Layer, ...]:
    try:
        return list_layers(network, size_px=size_px, pooled=spec.pooled)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"{spec.name} cannot take squares of {size_px} pixels ({error}): "
            f"choose another --image-size, such as its own {spec.size_px}"
        ) from error


def _head_layers(
    tapped: TappedBackbone, name: str, classes: int, size_px: int
) -> tuple[Layer, ...]:
    config = HeadConfig(name=name)
    settings, taps = resolve_settings(config), taps_wanted(config)
    if not isinstance(settings, LinearSettings | DenseSettings) or taps == FLAT:
        shown = [p.name for p in PRESETS if p.kind in _LAYERED and p.taps != FLAT]
        raise ConfigError(
            f"the head {name} has no layers to list on pooled features: {listed(shown)} have"
        )
    layout = tapped.measure_layout(size_px)
    outputs = layout.tap_sets()["all" if taps == "auto" else taps]
    inputs = len(layout.columns(outputs))
    dense = settings if isinstance(settings, DenseSettings) else DenseSettings(widths=())
    head = nn.Sequential(*_head_parts(inputs, dense, classes))
    return list_called(nn.ModuleDict({"head": head}), lambda: head(torch.zeros(1, inputs)))


def _head_parts(inputs: int, settings: DenseSettings, classes: int) -> Iterator[nn.Module]:
    """Yield the layers that a preset's settings describe."""
    if settings.dropout and not settings.widths:
        yield nn.Dropout(settings.dropout)
    for width in settings.widths:
        yield nn.Linear(inputs, width)
        yield from [nn.BatchNorm1d(width)] if settings.batch_norm else []
        yield _ACTIVATIONS[settings.activation]()
        yield from [nn.Dropout(settings.dropout)] if settings.dropout else []
        inputs = width
    yield nn.Linear(inputs, classes)


def draw_listing(listing: LayerListing) -> str:
    """Return the network as an SVG drawing. See :mod:`headstart.reporting.network_drawing`."""
    staged = list(zip(listing.layers, listing.stage_numbers, strict=True))
    groups = [
        (f"stage {number + 1}: {name}", [layer for layer, its in staged if its == number])
        for number, name in enumerate(listing.stages)
    ]
    groups += [("head", list(listing.head))] if listing.head else []
    total = sum(layer.parameters for layer in listing.layers)
    about = (
        f"{len(listing.layers)} layers, {total:,} parameters, at {listing.size_px} pixels. "
        "Height: side of the layer's pictures; width: channels. Point at a box for its name."
    )
    lines = [about, f"Trained: {listing.freezing.summary}"] if listing.freezing else [about]
    rows = [_drawn_row(listing, name, layers) for name, layers in groups if layers]
    return draw_network(listing.backbone, "\n".join(lines), rows)


def _drawn_row(listing: LayerListing, name: str, layers: Sequence[Layer]) -> DrawnRow:
    count = sum(layer.parameters for layer in layers)
    title = f"{name} · layers {layers[0].number} to {layers[-1].number} · {count:,} parameters"
    shape = _dimensions(layers[-1].shape)
    return DrawnRow(f"{title} · out {shape}", tuple(_drawn(listing, layer) for layer in layers))


def _drawn(listing: LayerListing, layer: Layer) -> DrawnLayer:
    label = (
        f"{layer.number}  {layer.name}\n{layer.kind}, {_dimensions(layer.shape)}, "
        f"{layer.parameters:,} parameters"
    )
    return DrawnLayer(label, layer.kind, layer.shape, faded=_is_faded(listing, layer))


def _is_faded(listing: LayerListing, layer: Layer) -> bool:
    """Frozen, or without weights and before all that is trained."""
    if listing.freezing is None or listing.is_trained(layer):
        return False
    first = listing.freezing.first_trained
    start = first.number if first else len(listing.layers)
    return bool(layer.weights) or layer.number < start


def _dimensions(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
