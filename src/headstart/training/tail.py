"""The part of a classifier above the frozen boundary, trained on what lies below."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

from headstart.backbones.tapped import TappedBackbone
from headstart.training.arithmetic import Arithmetic
from headstart.training.cut import Cut
from headstart.training.network import Classifier
from headstart.training.records import Blocks, RecordLayout, flatten

_TOLERANCE: Final = 1e-3
"""Of an activation's scale: what rounding may do where nothing is missing."""
_LOOSE: Final = 0.1
"""Likewise, between two arithmetics."""


class Trunk(nn.Module):
    """From pixels to an activation and the blocks up to it, side by side in a record.

    Input: uint8, (N, S, S, 3), RGB. Output: (N, C) tensors.

    Args:
        backbone: Whose lower part it is.
        stage: Its last module; ``None``: all of the backbone, and its blocks alone.
        pictured: Whether the activation has its channels first.
    """

    def __init__(self, backbone: TappedBackbone, stage: str | None, *, pictured: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self._stage = stage
        self._pictured = pictured

    def forward(self, pixels: torch.Tensor) -> Blocks:
        """Return activation and blocks. Shapes as in the class docstring."""
        if self._stage is None:
            whole: Blocks = self.backbone(pixels)
            return whole
        activation, blocks = self.backbone.run_up_to(pixels, self._stage)
        return (flatten(activation, pictured=self._pictured), *blocks)


class Tail:
    """From records of what lies below a stage to the classifier's logits.

    Its weights are the classifier's own; gradients go to them.

    Args:
        classifier: On its device, in inference mode.
        stage: Last frozen stage; ``None``: all of the backbone is frozen.
        size_px: Side S of the square that the classifier takes.
    """

    def __init__(self, classifier: Classifier, stage: str | None, size_px: int) -> None:
        self.stage = stage
        self.size_px = size_px
        self._classifier = classifier
        self._backbone = classifier.backbone
        self._pixels = _noise(2, size_px).to(self._backbone.scale.device)
        whole = self._backbone.outputs
        self._below = whole if stage is None else self._backbone.outputs_below(stage)
        self._above = [output for output in whole if output not in self._below]
        self._cut = Cut(self._backbone.network, stage, self._image()) if stage else None
        self._activation = self._run_up_to()
        self._layout: RecordLayout | None = None

    @property
    def layout(self) -> RecordLayout:
        """What the records hold, once :meth:`fits` has found it."""
        assert self._layout is not None, "not fitted yet"
        return self._layout

    @property
    def device(self) -> torch.device:
        """Where the classifier is."""
        return self._backbone.scale.device

    @property
    def words(self) -> str:
        """What lies below, for a person."""
        return f"the network up to {self.stage}" if self.stage else "the whole backbone"

    def digest(self) -> str:
        """Return a digest of all weights and statistics that the records depend on."""
        network = self._backbone.network
        fixed = {n: p for n, p in network.named_parameters() if not p.requires_grad}
        parts = [network] if self._cut is None else self._cut.lower
        held = [tensor for part in parts for tensor in part.state_dict().values()]
        found = hashlib.blake2b(repr((self.stage, self._below)).encode(), digest_size=16)
        for tensor in (*fixed.values(), *held):
            found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return found.hexdigest()

    def trunk(self) -> Trunk:
        """Return what makes the records."""
        return Trunk(self._backbone, self.stage, pictured=self.layout.pictured)

    def __call__(self, records: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K), float32, of records, uint8 (N, record_bytes)."""
        activation, blocks = self.layout.unpack(records)
        return self._classifier.classify(self._joined(activation, blocks))

    @torch.no_grad()
    def fits(self, arithmetic: Arithmetic) -> bool:
        """Try on two images whether the upper part gives what the whole network gives.

        It does not where it looks past the stage, as NASNet's cells do, where it
        remembers from below how many images there are, or where the arithmetic moved a
        norm from above the stage into a convolution below it.

        Args:
            arithmetic: How steps are computed.
        """
        backbone, pixels = self._backbone, self._pixels
        with arithmetic.applied(pixels.device):
            expected = backbone(pixels)
            if self.stage is None:
                self._layout = _layout_of(None, expected)
                return True
            activation, blocks = backbone.run_up_to(pixels, self.stage)
        self._layout = _layout_of(activation, blocks)
        try:
            with arithmetic.applied(pixels.device):
                found = self._joined(activation.clone(), blocks)
        except RuntimeError:  # shapes that do not fit
            return False
        same = all(_close(a, b) for a, b in zip(found, expected, strict=True))
        return same and _close(activation, self._activation, tolerance=_LOOSE)

    def _joined(self, activation: torch.Tensor | None, blocks: Blocks) -> Sequence[torch.Tensor]:
        """Return all blocks of the backbone, in its order."""
        if activation is None or self._cut is None:
            return blocks
        with self._cut.resumed(activation), self._backbone.giving(self._above):
            upper = self._backbone(self._pixels[:1])
        made = dict(zip((*self._below, *self._above), (*blocks, *upper), strict=True))
        return [made[output] for output in self._backbone.outputs]

    @torch.no_grad()
    def _run_up_to(self) -> torch.Tensor | None:
        if self.stage is None:
            return None
        return self._backbone.run_up_to(self._pixels, self.stage)[0]

    def _image(self) -> torch.Tensor:
        return self._backbone.normalise(self._pixels[:1]).contiguous(
            memory_format=torch.channels_last
        )


def _layout_of(activation: torch.Tensor | None, blocks: Blocks) -> RecordLayout:
    widths = tuple(block.shape[1] for block in blocks)
    if activation is None:
        return RecordLayout(None, False, torch.float16, torch.float32, widths)
    pictured = activation.ndim == 4 and activation.is_contiguous(memory_format=torch.channels_last)
    shape = activation.shape[1:]
    return RecordLayout(
        shape=(*shape[1:], shape[0]) if pictured else tuple(shape),
        pictured=pictured,
        half=torch.bfloat16 if activation.dtype == torch.bfloat16 else torch.float16,
        dtype=activation.dtype,
        widths=widths,
    )


def _close(
    found: torch.Tensor, expected: torch.Tensor | None, *, tolerance: float = _TOLERANCE
) -> bool:
    if expected is None or found.shape != expected.shape:
        return False
    scale = float(expected.float().abs().max())
    return float((found.float() - expected.float()).abs().max()) <= tolerance * scale


def _noise(images: int, size_px: int) -> torch.Tensor:
    draws = torch.Generator().manual_seed(0)
    shape = (images, size_px, size_px, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=draws)
