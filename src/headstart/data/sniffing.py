"""Which image format some bytes hold, by content and never by name."""

from __future__ import annotations

from typing import Final

from headstart.errors import BadImageError

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II\x2a\x00", "TIFF"),
    (b"MM\x00\x2a", "TIFF"),
    (b"II\x2b\x00", "TIFF"),
    (b"MM\x00\x2b", "TIFF"),
)
_BMP_HEADER_BYTES: Final = {12, 40, 52, 56, 64, 108, 124}


def image_format(data: bytes) -> str:
    """Return ``JPEG``, ``PNG``, ``WEBP``, ``GIF``, ``BMP`` or ``TIFF``.

    This is the whole allow-list: what has no entry here never reaches a decoder.

    Raises:
        BadImageError: The bytes are none of these.

    >>> image_format(b"GIF89a...")
    'GIF'
    """
    if not data:
        raise BadImageError("empty file")
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_BYTES:
        return "BMP"
    raise BadImageError(
        f"not an image headstart reads (starts with {_beginning(data)};"
        " JPEG, PNG, WebP, GIF, BMP and TIFF are)"
    )


def _beginning(data: bytes) -> str:
    """Return the readable part of the first bytes, or their hexadecimal digits."""
    text = "".join(chr(byte) for byte in data[:12] if 0x20 < byte < 0x7F)
    return text if len(text) >= 3 else data[:4].hex(" ")
