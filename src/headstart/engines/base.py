"""The one interface of every engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.errors import DataError

PixelBatch: TypeAlias = npt.NDArray[np.uint8]
"""uint8, (n, H, W, 3), RGB."""

Outputs: TypeAlias = npt.NDArray[np.float32]
"""float32, (n, D): the graph's outputs side by side."""


class Engine(Protocol):
    """Runs one graph on one device.

    Attributes:
        name: ``"openvino"`` or ``"torch"``.
        device: What computes: ``"CPU"``, ``"cuda:0"``.
        precision: Arithmetic in use: ``"bf16"`` or ``"f32"``.
        batch_size: Most images a batch may hold; also the fastest number.
    """

    name: str
    device: str
    precision: str
    batch_size: int

    def stream(self, batches: Iterable[PixelBatch]) -> Iterator[Outputs]:
        """Yield each batch's outputs, in order, computing ahead of the consumer.

        Raises:
            DataError: A batch is not uint8.
        """
        ...


def check_pixels(batch: PixelBatch) -> PixelBatch:
    """Return a batch as it is; OpenVINO itself would cut 0.7 down to 0 without a word.

    Raises:
        DataError: It is not uint8, so somebody has scaled it already.
    """
    if batch.dtype != np.uint8:
        raise DataError(
            f"a batch of dtype {batch.dtype}: expected uint8, 0 to 255, as images are stored; "
            "the graph normalises pixels itself"
        )
    return batch
