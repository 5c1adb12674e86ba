"""Activations and pooled features of images as records of bytes, in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from headstart.training.sampling import Rows

_LARGEST: Final = torch.finfo(torch.float16).max
_ALIGNED: Final = 4

Blocks = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class RecordLayout:
    """What lies where in an image's record: the activation, then the blocks in float32.

    Attributes:
        shape: Of one image's activation in memory: (H, W, C) where it is a picture with
            channels first, as it is otherwise; ``None``: none is kept.
        pictured: Whether the network has it channels first.
        half: Type it is kept in: bfloat16 or float16.
        dtype: Type that the network wants.
        widths: Numbers in each block.
    """

    shape: tuple[int, ...] | None
    pictured: bool
    half: torch.dtype
    dtype: torch.dtype
    widths: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many an activation has."""
        return int(np.prod(self.shape)) if self.shape is not None else 0

    @property
    def activation_bytes(self) -> int:
        """Room for the activation."""
        return -(-2 * self.numbers // _ALIGNED) * _ALIGNED

    @property
    def record_bytes(self) -> int:
        """Room for one image."""
        return self.activation_bytes + 4 * sum(self.widths)

    def pack(self, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Return records, uint8 (n, record_bytes), of numbers side by side, (n, D)."""
        records = np.zeros((len(outputs), self.record_bytes), np.uint8)
        kept = torch.from_numpy(outputs[:, : self.numbers])
        half = kept.clamp(-_LARGEST, _LARGEST).to(self.half).contiguous().view(torch.uint8)
        records[:, : 2 * self.numbers] = half.numpy()
        blocks = np.ascontiguousarray(outputs[:, self.numbers :], np.float32)
        records[:, self.activation_bytes :] = blocks.view(np.uint8)
        return records

    def unpack(self, records: torch.Tensor) -> tuple[torch.Tensor | None, Blocks]:
        """Return the activation as the network wants it, and the blocks, each (n, C)."""
        numbers = records[:, self.activation_bytes :].view(torch.float32)
        blocks = torch.split_with_sizes(numbers, self.widths, dim=1)
        if self.shape is None:
            return None, tuple(blocks)
        flat = records[:, : 2 * self.numbers].contiguous().view(self.half)
        activation = flat.to(self.dtype).view(len(records), *self.shape)
        return activation.permute(0, 3, 1, 2) if self.pictured else activation, tuple(blocks)


def flatten(activation: torch.Tensor, *, pictured: bool) -> torch.Tensor:
    """Return an activation as it lies in a record: (N, ...) to (N, numbers)."""
    laid = activation.permute(0, 2, 3, 1) if pictured else activation
    return laid.flatten(1)


@dataclass(frozen=True)
class Records:
    """Records by row.

    Attributes:
        content: uint8, (N, record_bytes); mapped from a file.
    """

    content: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.content)

    def read(self, rows: Rows) -> torch.Tensor:
        """Return a copy of some rows, uint8 (len(rows), record_bytes)."""
        return torch.from_numpy(self.content[rows])


def open_records(path: Path, counts: Sequence[int], record_bytes: int) -> list[Records] | None:
    """Return the parts of a file of records; ``None`` where it is missing or has another size.

    Args:
        path: Written whole.
        counts: Records in each part.
        record_bytes: Of each record.
    """
    whole = sum(counts)
    if not path.is_file() or path.stat().st_size != whole * record_bytes:
        return None
    content = np.memmap(path, np.uint8, "r", shape=(whole, record_bytes))
    ends = np.cumsum(counts)
    return [Records(content[end - n : end]) for n, end in zip(counts, ends, strict=True)]
