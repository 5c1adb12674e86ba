"""A backbone as a function from raw pixels to pooled activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import torch
from torch import nn

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.backbones.pooling import POOLINGS, channels_first, pool_all
from headstart.backbones.spec import CLASSIFIER_TAP, FINAL_TAP, FLAT, BackboneSpec

_TAP_STATISTICS = ("mean", "max", "std")
_FINAL_STATISTICS = ("mean", "max")
_POOLED = "pooled"
_LOGITS = "logits"

Pooled = dict[str, dict[str, torch.Tensor]]
"""Tap -> statistic -> (N, C)."""


class TappedBackbone(nn.Module):
    """Normalises pixels, runs the network and pools the taps on the way.

    The network's own logits come out as well: what it sees without any training.

    Input: uint8, (N, H, W, 3), RGB. Output: one float (N, C) tensor a block of
    :attr:`layout`, in order. The normalisation is part of the module, so nobody
    can scale pixels twice or not at all.

    Args:
        network: A network with ``forward_features`` and ``forward_head``, in inference mode.
        spec: Its catalog entry: normalisation, taps, how its activations lie.
        flat: Whether the final activation comes out un-pooled too.

    Attributes:
        mirrored: Whether every feature is the mean over an image and its mirror image,
            for twice the work.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, network: nn.Module, spec: BackboneSpec, *, flat: bool = False) -> None:
        super().__init__()
        self.network = network
        self.taps = spec.taps
        self.mirrored = False
        self.outputs = _outputs(spec, flat=flat)
        self._lay = partial(
            channels_first, channels_last=spec.channels_last, prefix_tokens=spec.prefix_tokens
        )
        self.register_buffer("scale", torch.tensor([1 / (255 * s) for s in spec.std]).view(3, 1, 1))
        shift = [-m / s for m, s in zip(spec.mean, spec.std, strict=True)]
        self.register_buffer("shift", torch.tensor(shift).view(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the pooled blocks of a batch. Shapes as in the class docstring."""
        images = self.normalise(pixels)
        pooled = self._pooled(torch.cat([images, images.flip(3)]) if self.mirrored else images)
        blocks = tuple(pooled[tap][statistic] for tap, statistic in self.outputs)
        return tuple(map(_mean_of_halves, blocks)) if self.mirrored else blocks

    def narrow(self, outputs: Iterable[str]) -> None:
        """Give out only some blocks from now on, in the layout's order.

        Args:
            outputs: Names such as ``"final/mean"``.
        """
        wanted = set(outputs)
        self.outputs = tuple(output for output in self.outputs if "/".join(output) in wanted)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return what the network expects: float (N, 3, H, W)."""
        return pixels.permute(0, 3, 1, 2).to(self.scale.dtype) * self.scale + self.shift

    def _pooled(self, images: torch.Tensor) -> Pooled:
        """Run the network; each tap is pooled at once, before anything works on it in place."""
        kept: Pooled = {}
        with self._tapped(kept):
            final = self.network.forward_features(images)  # type: ignore[operator]
        return kept | self._ends(final)

    def outputs_below(self, stage: str) -> tuple[tuple[str, str], ...]:
        """Return the blocks of the taps up to and with one."""
        passed = self.taps[: self.taps.index(stage) + 1]
        return tuple(output for output in self.outputs if output[0] in passed)

    def run_up_to(
        self, pixels: torch.Tensor, stage: str
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return what comes out of a tap's module, and the blocks of the taps up to it.

        The rest of the network is not run.
        """
        kept: Pooled = {}
        reached: list[torch.Tensor] = []
        with self._tapped(kept), _stopping(self.network.get_submodule(stage), reached):
            self.network.forward_features(self.normalise(pixels))  # type: ignore[operator]
        blocks = tuple(kept[tap][statistic] for tap, statistic in self.outputs_below(stage))
        return reached[0], blocks

    @contextmanager
    def giving(self, outputs: Iterable[tuple[str, str]]) -> Iterator[None]:
        """Give out only some blocks within, as they are written in :attr:`outputs`."""
        whole, self.outputs = self.outputs, tuple(outputs)
        try:
            yield
        finally:
            self.outputs = whole

    @contextmanager
    def _tapped(self, kept: Pooled) -> Iterator[None]:
        hooks = [
            self.network.get_submodule(tap).register_forward_hook(partial(self._keep, kept, tap))
            for tap in self.taps
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _ends(self, final: torch.Tensor) -> Pooled:
        ends = self._statistics(FINAL_TAP, final)
        head = self.network.forward_head
        if (FINAL_TAP, _POOLED) in self.outputs:
            ends[_POOLED] = head(final, pre_logits=True).flatten(1)  # type: ignore[operator]
        if (CLASSIFIER_TAP, _LOGITS) not in self.outputs:
            return {FINAL_TAP: ends}
        return {FINAL_TAP: ends, CLASSIFIER_TAP: {_LOGITS: head(final)}}  # type: ignore[operator]

    def _keep(
        self, kept: Pooled, tap: str, module: nn.Module, inputs: object, output: torch.Tensor
    ) -> None:
        del module, inputs
        kept[tap] = self._statistics(tap, output)

    def _statistics(self, tap: str, activation: torch.Tensor) -> dict[str, torch.Tensor]:
        laid = self._lay(activation)
        wanted = [statistic for known, statistic in self.outputs if known == tap]
        return pool_all((statistic for statistic in wanted if statistic in POOLINGS), laid)

    def measure_layout(self, size_px: int) -> FeatureLayout:
        """Return the layout, found by passing one black image through."""
        device = self.scale.device
        with torch.inference_mode():
            black = torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8, device=device)
            widths = [block.shape[1] for block in self(black)]
        return FeatureLayout(
            tuple(
                FeatureBlock(*output, width)
                for output, width in zip(self.outputs, widths, strict=True)
            )
        )


def _mean_of_halves(block: torch.Tensor) -> torch.Tensor:
    return block.view(2, -1, block.shape[1]).mean(0)


class _Reached(BaseException):
    """Ends a pass where nothing more is wanted of it."""


@contextmanager
def _stopping(module: nn.Module, reached: list[torch.Tensor]) -> Iterator[None]:
    """End what runs within as soon as a module is done; nothing is raised to the outside."""

    def stop(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        del module, inputs
        reached.append(output)
        raise _Reached

    hook = module.register_forward_hook(stop)
    try:
        with suppress(_Reached):
            yield
    finally:
        hook.remove()


def _outputs(spec: BackboneSpec, *, flat: bool) -> tuple[tuple[str, str], ...]:
    """Return the blocks of a backbone's layout: tap and statistic, in order."""
    taps = [(tap, statistic) for tap in spec.taps for statistic in _TAP_STATISTICS]
    more = [*([_POOLED] if spec.pooled else []), *([FLAT] if flat else [])]
    final = [(FINAL_TAP, statistic) for statistic in (*_FINAL_STATISTICS, *more)]
    own = [(CLASSIFIER_TAP, _LOGITS)] if spec.labels else []
    return (*taps, *final, *own)
