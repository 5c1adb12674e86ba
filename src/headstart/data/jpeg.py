"""Ordinary JPEGs, on the fast path: libjpeg-turbo with shrink-on-load.

From 512 x 384 photos to 224 x 224 it takes some 0.6 of the processor time of
Pillow's ``draft`` (``benchmarks/decoding.py``): the scale can be any eighth
instead of a power of two, so that less is left to resize.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import simplejpeg
from PIL import Image

from headstart.data.orientation import UPRIGHT, exif_orientation

_START_OF_SCAN: Final = 0xDA
_EXIF_SEGMENT: Final = 0xE1
_NOT_FRAMES: Final = {0xC4, 0xC8, 0xCC}
_EIGHTHS: Final = (1, 2, 3, 4, 5, 6, 8)
"""Scales to decode at. 7/8 has no SIMD transform and is never faster than 8/8."""


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What a JPEG's header says; the size is as stored, before any turn."""

    width: int
    height: int
    components: int
    bits: int
    orientation: int

    @property
    def is_ordinary(self) -> bool:
        """Whether it is 8-bit grey or YCbCr, and not CMYK or a rarity."""
        return self.bits == 8 and self.components in (1, 3) and self.width * self.height > 0


def scan_jpeg(data: bytes) -> JpegFrame | None:
    """Read a JPEG's size and orientation, or ``None`` if its segments are irregular."""
    frame: tuple[int, int, int, int] | None = None
    orientation = UPRIGHT
    position, end = 2, len(data)
    while position + 10 <= end and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == _START_OF_SCAN:
            break
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            frame = struct.unpack_from(">BHHB", data, position + 4)
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _EXIF_SEGMENT and data[position + 4 : position + 10] == b"Exif\0\0":
            orientation = exif_orientation(data[position + 10 : position + 2 + length])
        position += 2 + length
    if frame is None:
        return None
    bits, height, width, components = frame
    return JpegFrame(width, height, components, bits, orientation)


def decode_jpeg(data: bytes, frame: JpegFrame, *, eighths: int = 8) -> Image.Image:
    """Decode an ordinary JPEG, as stored, to RGB.

    Args:
        data: The file.
        frame: Its header.
        eighths: Scale to decode at; sizes that do not divide are rounded up.

    Raises:
        ValueError: The data is damaged, be it slightly.
    """
    pixels = simplejpeg.decode_jpeg(
        data,
        "RGB",
        fastdct=True,
        fastupsample=True,
        min_width=_scaled(frame.width, eighths),
        min_height=_scaled(frame.height, eighths),
        min_factor=1,
        strict=True,
    )
    return Image.fromarray(pixels)


def least_eighths(frame: JpegFrame, at_least: tuple[int, int] | None) -> int:
    """Return the smallest n for which n/8 of the size is (width, height) or more."""
    if at_least is not None:
        for eighths in _EIGHTHS:
            width, height = _scaled(frame.width, eighths), _scaled(frame.height, eighths)
            if width >= at_least[0] and height >= at_least[1]:
                return eighths
    return 8


def _scaled(length: int, eighths: int) -> int:
    return -(-length * eighths // 8)
