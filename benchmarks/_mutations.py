"""Images that are no longer what they were: cut, flipped, lied about, put together."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from PIL import Image

Mutation = Callable[[bytes, random.Random], bytes]

_SAVED: Final[list[tuple[str, str, dict[str, object]]]] = [
    ("JPEG", "RGB", {"quality": 80}),
    ("JPEG", "RGB", {"quality": 80, "progressive": True}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("GIF", "P", {}),
    ("BMP", "RGB", {}),
    ("BMP", "P", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "F", {}),
]


def sound_images(seed: int) -> list[bytes]:
    """Return small images of every format, and an animation, before they are mutated."""
    generator = np.random.default_rng(seed)
    low = generator.integers(0, 256, (12, 16, 3), np.uint8)
    picture = Image.fromarray(low).resize((160, 120), Image.Resampling.BICUBIC)
    images = [_saved(picture, *how) for how in _SAVED]
    frames = [picture.rotate(turn) for turn in (90, 180)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        more = {"save_all": True, "append_images": frames}
        images.append(_saved(picture, kind, "RGB", more))
    return images


def _saved(picture: Image.Image, kind: str, mode: str, more: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    converted = picture.convert("L").convert("I").convert(mode) if mode == "I;16" else None
    (converted or picture.convert(mode)).save(buffer, kind, **more)
    return buffer.getvalue()


def mutated_images(count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names of mutations with what they made."""
    chance = random.Random(seed)
    sound = sound_images(seed)
    for _ in range(count):
        mutation = chance.choice(MUTATIONS)
        image = mutation(chance.choice(sound), chance)
        if mutation is mixed:
            image = image[: len(image) // 2] + chance.choice(sound)
        if chance.random() < 0.2:
            image = chance.choice(MUTATIONS)(image, chance)
        yield mutation.__name__, image


def cut(image: bytes, chance: random.Random) -> bytes:
    """Leave out the end."""
    return image[: chance.randrange(len(image) + 1)]


def flipped(image: bytes, chance: random.Random) -> bytes:
    """Flip bits anywhere."""
    return _flipped(image, chance, len(image))


def flipped_in_header(image: bytes, chance: random.Random) -> bytes:
    """Flip bits at the beginning, where sizes and offsets are."""
    return _flipped(image, chance, 200)


def _flipped(image: bytes, chance: random.Random, below: int) -> bytes:
    changed = bytearray(image)
    for _ in range(chance.choice((1, 2, 8, 64)) if changed else 0):
        changed[chance.randrange(min(below, len(changed)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def largest_values(image: bytes, chance: random.Random) -> bytes:
    """Put the largest, and the least, numbers where others were."""
    changed = bytearray(image)
    for _ in range(4 if len(changed) > 8 else 0):
        place = chance.randrange(min(400, len(changed) - 4))
        extreme = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
        changed[place : place + 4] = chance.choice(extreme)
    return bytes(changed)


def left_out(image: bytes, chance: random.Random) -> bytes:
    """Leave out a piece."""
    start = chance.randrange(len(image) + 1)
    return image[:start] + image[start + chance.randrange(1, 200) :]


def repeated(image: bytes, chance: random.Random) -> bytes:
    """Repeat a piece, up to a thousand times."""
    start = chance.randrange(len(image) + 1)
    piece = image[start : start + chance.randrange(1, 60)]
    return image[:start] + piece * chance.choice((2, 30, 1000)) + image[start:]


def filled(image: bytes, chance: random.Random) -> bytes:
    """Write one byte, or noise, over a piece."""
    start, length = chance.randrange(len(image) + 1), chance.randrange(1, 400)
    filling = chance.choice((b"\0" * length, b"\xff" * length, chance.randbytes(length)))
    return image[:start] + filling + image[start + length :]


def mixed(image: bytes, _: random.Random) -> bytes:
    """Put the beginning of one before another: done where there are others."""
    return image


def noise(image: bytes, chance: random.Random) -> bytes:
    """Keep the first bytes, by which a format is told, and nothing else."""
    return image[: chance.choice((0, 2, 4, 12, 32))] + chance.randbytes(chance.randrange(2000))


def giant(image: bytes, chance: random.Random) -> bytes:
    """Claim a giant size, in a way that the rest of the header does not belie."""
    width, height = (chance.choice((0, 1, 30_000, 65_000)) for _ in range(2))
    if image.startswith(b"\x89PNG"):
        header = b"IHDR" + struct.pack(">II", width * 7, height * 7) + image[24:29]
        return image[:12] + header + struct.pack(">I", zlib.crc32(header)) + image[33:]
    if image.startswith(b"GIF8"):
        return image[:6] + struct.pack("<HH", width, height) + image[10:]
    if image.startswith(b"BM"):
        return image[:18] + struct.pack("<ii", width * 9, height * 9) + image[26:]
    frame = max(image.find(b"\xff\xc0"), image.find(b"\xff\xc2"))
    if frame > 0:
        return image[: frame + 5] + struct.pack(">HH", height, width) + image[frame + 9 :]
    return largest_values(image, chance)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(cut, flipped, flipped_in_header, largest_values, left_out, repeated),
    *(filled, mixed, noise, giant),
)
