"""Images whose header is read and whose pixels are not decoded yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageFile

from headstart.data.colour import to_rgb
from headstart.data.jpeg import JpegFrame, decode_jpeg, least_eighths, scan_jpeg
from headstart.data.manifest import ImageData, Pixels
from headstart.data.orientation import UPRIGHT, orientation_in
from headstart.data.pillow_images import damage, open_image, refusing_damage
from headstart.data.sniffing import image_format
from headstart.errors import BadImageError


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What is known of an image before any pixel is decoded.

    Attributes:
        format: ``JPEG``, ``PNG``, ``WEBP``, ``GIF``, ``BMP``, ``TIFF`` or ``array``.
        width: Pixels across.
        height: Pixels down.
        mode: How colour is stored, in Pillow's terms: ``RGB``, ``L``, ``P``, ``CMYK`` …
    """

    format: str
    width: int
    height: int
    mode: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Decoded pixels, as stored.

    Attributes:
        image: In mode ``RGB``.
        scale: Pixels here per pixel as stored: 1, or less after shrink-on-load. The
            image may reach up to one pixel further right and down than its content.
    """

    image: Image.Image
    scale: float = 1.0


class Picture(Protocol):
    """An image that can be loaded, as stored: not yet turned by its orientation."""

    @property
    def header(self) -> ImageHeader:
        """Size and mode as stored."""
        ...

    @property
    def orientation(self) -> int:
        """The EXIF orientation to apply after loading, 1 to 8."""
        ...

    def load(self, at_least: tuple[int, int] | None) -> Loaded:
        """Decode the pixels.

        Args:
            at_least: (width, height) below which not to shrink; ``None`` for full size.

        Raises:
            BadImageError: The pixels are damaged, truncated or without a scale.
        """
        ...


def open_picture(data: ImageData) -> Picture:
    """Read the header of encoded bytes or of pixels in memory.

    Raises:
        BadImageError: It is no image of the allowed formats, or its header is damaged.
    """
    if isinstance(data, np.ndarray):
        return _ArrayPicture(data)
    kind = image_format(data)
    frame = scan_jpeg(data) if kind == "JPEG" else None
    if frame is not None and frame.is_ordinary:
        return _JpegPicture(data, frame)
    return _PillowPicture(data, kind)


class _ArrayPicture:
    """Pixels in memory, which need no decoding."""

    orientation = UPRIGHT

    def __init__(self, pixels: Pixels) -> None:
        shape = pixels.shape
        if pixels.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise BadImageError(
                f"an array of {pixels.dtype} {shape}; expected uint8 of shape (H, W, 3) or (H, W)"
            )
        mode = "L" if len(shape) == 2 else "RGB"
        self._pixels = pixels
        self.header = ImageHeader("array", shape[1], shape[0], mode)

    def load(self, at_least: tuple[int, int] | None) -> Loaded:
        return Loaded(Image.fromarray(self._pixels).convert("RGB"))


class _JpegPicture:
    """An ordinary JPEG."""

    def __init__(self, data: bytes, frame: JpegFrame) -> None:
        self._data = data
        self._frame = frame
        self.orientation = frame.orientation
        mode = "L" if frame.components == 1 else "RGB"
        self.header = ImageHeader("JPEG", frame.width, frame.height, mode)

    def load(self, at_least: tuple[int, int] | None) -> Loaded:
        eighths = least_eighths(self._frame, at_least)
        try:
            return Loaded(decode_jpeg(self._data, self._frame, eighths=eighths), eighths / 8)
        except (ValueError, MemoryError) as error:
            return self._load_imperfect(error, at_least)

    def _load_imperfect(self, error: Exception, at_least: tuple[int, int] | None) -> Loaded:
        """Let Pillow read what is merely untidy, such as bytes left over at the end.

        It would also read a scan that stops early and leave the rest grey.
        """
        reason = damage("JPEG", error)
        if reason.startswith("truncated"):
            raise BadImageError(reason) from error
        return _PillowPicture(self._data, "JPEG").load(at_least)


class _PillowPicture:
    """Every other format, and the rarer JPEGs."""

    def __init__(self, data: bytes, kind: str) -> None:
        self._kind = kind
        with refusing_damage(kind):
            self._image: ImageFile.ImageFile = open_image(data, kind)
        self.header = ImageHeader(kind, *self._image.size, self._image.mode)
        self.orientation = self._orientation(data)

    def _orientation(self, data: bytes) -> int:
        if self._kind != "JPEG":
            return orientation_in(data, self._kind)
        frame = scan_jpeg(data)
        return frame.orientation if frame else UPRIGHT

    def load(self, at_least: tuple[int, int] | None) -> Loaded:
        with refusing_damage(self._kind):
            drafted = at_least and self._image.draft(self._image.mode, at_least)
            scale = drafted[1][2] / self.header.width if drafted else 1.0
            self._image.load()
            return Loaded(to_rgb(self._image), scale)
