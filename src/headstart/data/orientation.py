"""Which way up a stored image is meant to be seen: the EXIF orientation.

Read by a scan of a few dozen bytes instead of a full EXIF parser: it is some
ten times cheaper, and a broken block means "as stored" instead of an error or
a warning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from PIL import Image

UPRIGHT: Final = 1
_TAG: Final = 0x0112
_SHORT: Final = 3
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image as it is meant to be seen (itself, if it already is)."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def turned_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return (width, height) after the turn; applied twice it gives the size back.

    >>> turned_size(640, 480, 6)
    (480, 640)
    """
    return (height, width) if orientation >= 5 else (width, height)


def exif_orientation(block: bytes) -> int:
    r"""Return the orientation, 1 to 8, that an EXIF block states; 1 if it is broken.

    Args:
        block: A TIFF structure, with or without the leading ``Exif\0\0``.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return UPRIGHT
    try:
        return _first_directory(block, order)
    except struct.error:
        return UPRIGHT


def _first_directory(block: bytes, order: str) -> int:
    (start,) = struct.unpack_from(order + "I", block, 4)
    (entries,) = struct.unpack_from(order + "H", block, start)
    for index in range(entries):
        tag, kind, _count, value = struct.unpack_from(order + "HHIH", block, start + 2 + 12 * index)
        if tag == _TAG:
            return int(value) if kind == _SHORT and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def orientation_in(data: bytes, kind: str) -> int:
    """Return the EXIF orientation inside a PNG or WebP file; 1 for other formats.

    JPEG has its own scan; Pillow turns TIFF images while it loads them.
    """
    if kind == "PNG":
        return _orientation_among(data, _chunks(data, 8, ">I4s", b"eXIf"))
    if kind == "WEBP":
        return _orientation_among(data, _chunks(data, 12, "<4sI", b"EXIF"))
    return UPRIGHT


def _orientation_among(data: bytes, blocks: Iterator[tuple[int, int]]) -> int:
    for start, length in blocks:
        return exif_orientation(data[start : start + length])
    return UPRIGHT


def _chunks(data: bytes, position: int, layout: str, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of the chunks of one name in a PNG or RIFF file."""
    is_png = layout.startswith(">")
    while position + 8 <= len(data):
        first, second = struct.unpack_from(layout, data, position)
        length, name = (first, second) if is_png else (second, first)
        if name == wanted:
            yield position + 8, length
        position += 8 + length + (4 if is_png else length % 2)
