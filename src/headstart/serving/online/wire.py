"""What goes between the service and a process that decodes.

Tasks and the news that one is done go over a socket; pixels lie in memory that both sides see.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from typing import Final

import numpy as np

from headstart.data.manifest import Pixels

TASK: Final = struct.Struct("!III")
"""Bytes of the view as JSON, most pixels, bytes of the image; then the two."""
ANSWER: Final = struct.Struct("!BII")
"""Kind of answer; height and width of its pixels, or the length of its reason and nothing."""
PIXELS, REFUSED, READY = 0, 1, 2
MOST_CONTENT: Final = 2048 * 2048 * 3
"""Bytes that an answer may have: the largest square of a model."""

_BEGUN: Final = struct.Struct("!Q")
_START: Final = 64


class Room:
    """Memory that a decoding process writes and the service reads.

    It takes no real memory before it is written to.

    Args:
        descriptor: Of :meth:`build`'s file, as a process inherits it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _START + MOST_CONTENT)

    @classmethod
    def build(cls) -> Room:
        """Return a new one."""
        descriptor = _nameless_file()
        os.ftruncate(descriptor, _START + MOST_CONTENT)
        return cls(descriptor)

    @property
    def begun(self) -> int:
        """How many tasks the process has had whole, the one in work included."""
        return int(_BEGUN.unpack_from(self._memory)[0])

    def begin(self) -> None:
        """Count a task: from here on, its image is to blame for what happens."""
        _BEGUN.pack_into(self._memory, 0, self.begun + 1)

    def put(self, content: bytes) -> None:
        """Write the answer's content: the text of a reason."""
        self._memory[_START : _START + len(content)] = content

    def put_pixels(self, pixels: Pixels) -> None:
        """Write the answer's content: uint8 (H, W, 3)."""
        np.copyto(self._pixels(*pixels.shape[:2]), pixels)

    def taken(self, length: int) -> bytes:
        """Return a copy of the content's first bytes."""
        return self._memory[_START : _START + length]

    def taken_pixels(self, height: int, width: int) -> Pixels:
        """Return a copy of the content as pixels, uint8 (H, W, 3)."""
        return self._pixels(height, width).copy()

    def _pixels(self, height: int, width: int) -> Pixels:
        shape = (height, width, 3)
        return np.ndarray(shape, np.uint8, buffer=self._memory, offset=_START)

    def close(self) -> None:
        """Let go of it."""
        self._memory.close()
        os.close(self.descriptor)


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("headstart")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
