"""Event files as TensorBoard reads them, written without it.

A file is a row of records: length, checksum, an ``Event`` in protocol-buffer encoding,
checksum (TensorFlow's ``record_writer.h`` and ``event.proto``). Of that a run needs four
messages, so no library is asked for: none to install, none to import.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from headstart.files import storage_errors

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_STRING_TYPE: Final = 7
_VERSION: Final = b"brain.Event:2"
_SUCCESS: Final = 1
_POLYNOMIAL: Final = 0x82F63B78
_MASK: Final = 0xA282EAD8
_WORD: Final = 0xFFFFFFFF

Setting = str | float | int | bool


class EventFile:
    """One event file, appended to; TensorBoard may read it meanwhile.

    Args:
        folder: Made if missing; TensorBoard calls it a run.

    Raises:
        StorageError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.out.tfevents.headstart"
        with storage_errors(self._path):
            folder.mkdir(parents=True, exist_ok=True)
        self._append([_event(_bytes(3, _VERSION), step=0)])

    def scalars(self, values: Mapping[str, float], *, step: int = 0) -> None:
        """Append numbers under their tags; what is no finite number is left out."""
        finite = {tag: value for tag, value in values.items() if math.isfinite(value)}
        if finite:
            summary = b"".join(_bytes(1, _scalar(tag, value)) for tag, value in finite.items())
            self._append([_event(_bytes(5, summary), step=step)])

    def text(self, tag: str, markdown: str) -> None:
        """Append a text, shown as Markdown."""
        shape = _bytes(2, _number(1, 1))
        tensor = _number(1, _STRING_TYPE) + _bytes(2, shape) + _bytes(8, markdown.encode())
        value = _bytes(1, tag.encode()) + _bytes(9, _plugin("text", b"")) + _bytes(8, tensor)
        self._append([_event(_bytes(5, _bytes(1, value)), step=0)])

    def hparams(self, settings: Mapping[str, Setting]) -> None:
        """Append settings for TensorBoard's table of runs (its ``hparams`` plug-in)."""
        entries = b"".join(_bytes(1, _entry(key, value)) for key, value in settings.items())
        start = entries + _double(5, time.time())
        end = _number(1, _SUCCESS) + _double(2, time.time())
        self._append(
            [
                _hparams_event("_hparams_/session_start_info", _bytes(3, start)),
                _hparams_event("_hparams_/session_end_info", _bytes(4, end)),
            ]
        )

    def _append(self, events: Iterable[bytes]) -> None:
        with storage_errors(self._path), self._path.open("ab") as stream:
            stream.write(b"".join(map(_record, events)))


def checksum(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    table, state = _table(), _WORD
    for byte in content:
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ _WORD


@cache
def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = (row >> 1) ^ (_POLYNOMIAL if row & 1 else 0)
        rows.append(row)
    return tuple(rows)


def _record(event: bytes) -> bytes:
    length = struct.pack("<Q", len(event))
    return length + _masked(length) + event + _masked(event)


def _masked(content: bytes) -> bytes:
    """Return the checksum turned, as TensorFlow does since files may hold checksums."""
    plain = checksum(content)
    turned = ((plain >> 15) | (plain << 17)) & _WORD
    return struct.pack("<I", (turned + _MASK) & _WORD)


def _event(what: bytes, *, step: int) -> bytes:
    return _double(1, time.time()) + _number(2, step) + what


def _scalar(tag: str, value: float) -> bytes:
    return _bytes(1, tag.encode()) + _key(2, _FLOAT) + struct.pack("<f", value)


def _hparams_event(tag: str, content: bytes) -> bytes:
    metadata = _plugin("hparams", _number(1, 0) + content)
    value = _bytes(1, tag.encode()) + _bytes(9, metadata)
    return _event(_bytes(5, _bytes(1, value)), step=0)


def _plugin(name: str, content: bytes) -> bytes:
    return _bytes(1, _bytes(1, name.encode()) + _bytes(2, content))


def _entry(key: str, value: Setting) -> bytes:
    """Return an entry of a map from texts to ``google.protobuf.Value``."""
    if isinstance(value, bool):
        told = _number(4, int(value))
    elif isinstance(value, int | float):
        told = _double(2, float(value))
    else:
        told = _bytes(3, value.encode())
    return _bytes(1, key.encode()) + _bytes(2, told)


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _number(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _key(field, _DOUBLE) + struct.pack("<d", value)


def _bytes(field: int, content: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
