"""Reading untrusted files with Pillow: one allow-list, one error, no noise.

The plugin classes are used directly instead of ``PIL.Image.open``: a file can
then only be what its first bytes say, and our pixel cap is the one that counts.
"""

from __future__ import annotations

import ctypes
import functools
import io
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    _imaging,
)

from headstart.errors import BadImageError

_PLUGINS: Final[dict[str, type[ImageFile.ImageFile]]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_FAILURES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow's parsers raise when the bytes are not what the format promises."""
_SIGNS_OF_TRUNCATION: Final = ("truncated", "premature", "not enough", "unexpected end", "eof")
_QUIET_LOCK: Final = threading.Lock()


def open_image(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Read an image's header; its pixels are decoded by ``load`` or ``convert``.

    Call it inside :func:`refusing_damage`.
    """
    if kind == "TIFF":
        _silence_tiff_messages()
    return _PLUGINS[kind](io.BytesIO(data))


@contextmanager
def refusing_damage(kind: str) -> Iterator[None]:
    """Turn every failure of Pillow inside into a :class:`BadImageError`.

    Also keeps Pillow's warnings about odd metadata to itself.

    Raises:
        BadImageError: With a reason of one short line.
    """
    try:
        with _without_pillow_warnings():
            yield
    except _FAILURES as error:
        raise BadImageError(damage(kind, error)) from error


def damage(kind: str, error: BaseException) -> str:
    """Return one short line on what is wrong with a file.

    >>> damage("PNG", OSError("image file is truncated"))
    'truncated PNG (image file is truncated)'
    """
    if isinstance(error, MemoryError):
        return f"{kind} needs more memory to decode than there is"
    if isinstance(error, Image.DecompressionBombError):
        return f"{kind} of more pixels than Pillow allows"
    message = f"no field {error}" if isinstance(error, KeyError) else str(error)
    line = (message.strip().splitlines() or [type(error).__name__])[0]
    is_truncated = any(sign in message.lower() for sign in _SIGNS_OF_TRUNCATION)
    state = "truncated" if is_truncated or isinstance(error, EOFError) else "damaged"
    return f"{state} {kind} ({line[:100]})"


class _Quiet:
    """How many threads are inside :func:`_without_pillow_warnings`, and their filter."""

    inside = 0
    entry: Any = None


@contextmanager
def _without_pillow_warnings() -> Iterator[None]:
    """Ignore warnings that Pillow raises, for as long as any thread is inside.

    ``warnings.catch_warnings`` swaps the whole list of filters and so must not
    overlap between threads; this adds one entry and takes it away again.
    """
    with _QUIET_LOCK:
        _Quiet.inside += 1
        warnings.filterwarnings("ignore", module=r"PIL\.")
        _Quiet.entry = warnings.filters[0]
    try:
        yield
    finally:
        with _QUIET_LOCK:
            _Quiet.inside -= 1
            filters: Any = warnings.filters
            if _Quiet.inside == 0 and _Quiet.entry in filters:
                filters.remove(_Quiet.entry)


@functools.cache
def _silence_tiff_messages() -> None:
    """Keep damaged TIFFs from printing to standard error; a log that is set up still hears.

    Pillow's plugin logs an error where nobody may listen, and the libtiff inside it
    prints from C: a null handler is libtiff's documented way to stop that. Where the
    platform hides the symbol, its lines remain.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    try:
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
    except (AttributeError, OSError, TypeError):
        return
