"""A backbone as a function from raw pixels to pooled activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.backbones.spec import CLASSIFIER_TAP, FINAL_TAP, FLAT, BackboneSpec

_STATISTICS = {FINAL_TAP: ("mean", "max"), CLASSIFIER_TAP: ("logits",)}
_TAP_STATISTICS = ("mean", "max", "std")
_LEAST_VARIANCE = 1e-12
"""Below it the square root's gradient would not be finite: a 1x1 activation has none at all."""


class TappedBackbone(nn.Module):
    """Normalises pixels, runs the network and pools the taps on the way.

    The network's own logits come out as well: what it sees without any training.

    Input: uint8, (N, H, W, 3), RGB. Output: one float (N, C) tensor a block of
    :attr:`layout`, in order. The normalisation is part of the module, so nobody
    can scale pixels twice or not at all.

    Args:
        network: A network with ``forward_features`` and ``forward_head``, in inference mode.
        spec: Its catalog entry: normalisation and taps.
        flat: Whether the final activation comes out un-pooled too.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, network: nn.Module, spec: BackboneSpec, *, flat: bool = False) -> None:
        super().__init__()
        self.flat = flat
        self.network = network
        self.taps = spec.taps
        self.outputs = (*spec.taps, FINAL_TAP, *([CLASSIFIER_TAP] if spec.labels else []))
        self.register_buffer("scale", torch.tensor([1 / (255 * s) for s in spec.std]).view(3, 1, 1))
        shift = [-m / s for m, s in zip(spec.mean, spec.std, strict=True)]
        self.register_buffer("shift", torch.tensor(shift).view(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the pooled blocks of a batch. Shapes as in the class docstring."""
        activations = self._activations(self.normalise(pixels))
        return tuple(
            _pool(statistic, activation)
            for tap, activation in activations.items()
            for statistic in self._statistics(tap)
        )

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return what the network expects: float (N, 3, H, W)."""
        return pixels.permute(0, 3, 1, 2).to(self.scale.dtype) * self.scale + self.shift

    def _activations(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        kept: dict[str, torch.Tensor] = {}
        hooks = [
            self.network.get_submodule(tap).register_forward_hook(partial(_keep, kept, tap))
            for tap in self.taps
        ]
        try:
            kept[FINAL_TAP] = self.network.forward_features(images)  # type: ignore[operator]
            if CLASSIFIER_TAP in self.outputs:
                kept[CLASSIFIER_TAP] = self.network.forward_head(kept[FINAL_TAP])  # type: ignore[operator]
        finally:
            for hook in hooks:
                hook.remove()
        return {tap: kept[tap] for tap in self.outputs}

    def _statistics(self, tap: str) -> tuple[str, ...]:
        pooled = _STATISTICS.get(tap, _TAP_STATISTICS)
        return (*pooled, FLAT) if self.flat and tap == FINAL_TAP else pooled

    def measure_layout(self, size_px: int) -> FeatureLayout:
        """Return the layout, found by passing one black image through."""
        with torch.inference_mode():
            black = torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8)
            widths = [block.shape[1] for block in self(black)]
        names = [(tap, statistic) for tap in self.outputs for statistic in self._statistics(tap)]
        return FeatureLayout(
            tuple(FeatureBlock(*name, width) for name, width in zip(names, widths, strict=True))
        )


def _keep(
    kept: dict[str, torch.Tensor], tap: str, module: nn.Module, inputs: object, output: torch.Tensor
) -> None:
    del module, inputs
    kept[tap] = output


def _pool(statistic: str, activation: torch.Tensor) -> torch.Tensor:
    return _POOLINGS[statistic](activation)


def _mean(activation: torch.Tensor) -> torch.Tensor:
    return activation.mean((2, 3))


def _max(activation: torch.Tensor) -> torch.Tensor:
    return activation.amax((2, 3))


def _std(activation: torch.Tensor) -> torch.Tensor:
    centred = activation - activation.mean((2, 3), keepdim=True)
    return (centred * centred).mean((2, 3)).clamp_min(_LEAST_VARIANCE).sqrt()


def _itself(logits: torch.Tensor) -> torch.Tensor:
    return logits


def _flat(activation: torch.Tensor) -> torch.Tensor:
    return activation.flatten(1)


_POOLINGS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": _mean,
    "max": _max,
    "std": _std,
    "logits": _itself,
    FLAT: _flat,
}
