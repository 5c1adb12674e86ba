"""Images through the part below the frozen boundary: records of what comes out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.backbones.graph import export_onnx
from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.engines.base import Engine, PixelBatch
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.torch_engine import TorchEngine
from headstart.files import write_bytes
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Augment, Examples
from headstart.training.randomness import generator
from headstart.training.records import RecordLayout
from headstart.training.sampling import Rows
from headstart.training.tail import Tail

_TOGETHER: Final = 32
"""Images augmented in one call: part of what a view depends on."""


@dataclass(frozen=True)
class ViewPlan:
    """Which images are shown to the lower part, and how they are varied.

    Attributes:
        train: Training pixels.
        validation: Validation pixels, shown as they are.
        augment: ``None``: training pixels are shown as they are, too.
        views: Of each training image.
        key: What the draws depend on, beside view and row.
    """

    train: Examples
    validation: Examples
    augment: Augment | None
    views: int
    key: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, int]:
        """Records of training and of validation images."""
        return self.views * len(self.train), len(self.validation)

    @property
    def calls(self) -> int:
        """How many times :meth:`pixels` yields."""
        return self.views * len(_parts(self.train)) + len(_parts(self.validation))

    def pixels(self) -> Iterator[PixelBatch]:
        """Yield all first views of training images, then all second ones; then validation."""
        for view in range(self.views):
            for rows in _parts(self.train):
                yield self._view(view, rows)
        for rows in _parts(self.validation):
            yield self.validation.inputs.read(rows).numpy()

    def _view(self, view: int, rows: Rows) -> PixelBatch:
        pixels = self.train.inputs.read(rows)
        if self.augment is not None:
            draws = generator(*self.key[:1], "view", *self.key[1:], view, int(rows[0]))
            pixels = self.augment(pixels, draws)
        return pixels.numpy()

    def digest(self) -> str:
        """Return a digest of the first pixels shown: of images, draws and settings alike."""
        found = hashlib.blake2b(repr((self.counts, self.key)).encode(), digest_size=16)
        found.update(next(self.pixels(), np.empty(0, np.uint8)).tobytes())
        return found.hexdigest()


def _parts(examples: Examples) -> list[Rows]:
    rows = np.arange(len(examples), dtype=np.int64)
    return [rows[start : start + _TOGETHER] for start in range(0, len(rows), _TOGETHER)]


def record(
    engine: Engine, pixels: Iterator[PixelBatch], layout: RecordLayout
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield records of images, in order.

    Args:
        engine: Runs the lower part.
        pixels: Batches of any size, uint8 (n, S, S, 3).
        layout: Of a record.
    """
    parts = (
        batch[start : start + engine.batch_size]
        for batch in pixels
        for start in range(0, len(batch), engine.batch_size)
    )
    yield from map(layout.pack, engine.stream(parts))


def build_engine(tail: Tail, arithmetic: Arithmetic, *, scratch: Path) -> Engine:
    """Return the fastest engine for what lies below a tail.

    Args:
        tail: Fitted; its classifier in inference mode, no convolution rerouted.
        arithmetic: How the tail is trained; float32 asks for float32 here.
        scratch: Where the engine's graph lies until it is loaded.
    """
    precision = "f32" if arithmetic.dtype is None else "auto"
    trunk = tail.trunk()
    if tail.device.type != "cpu":
        return TorchEngine(trunk, device=str(tail.device), precision=precision)
    write_bytes(scratch, export_onnx(trunk, _outputs(tail.layout), tail.size_px))
    try:
        return OpenVinoEngine(scratch, precision=precision)
    finally:
        scratch.unlink()


def _outputs(layout: RecordLayout) -> FeatureLayout:
    kept = [layout.numbers] if layout.shape is not None else []
    widths: Sequence[int] = (*kept, *layout.widths)
    return FeatureLayout(tuple(FeatureBlock("trunk", str(i), n) for i, n in enumerate(widths)))
