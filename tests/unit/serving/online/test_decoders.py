"""Decoding in processes: what an image may cost, and whom it costs."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.errors import BadImageError
from headstart.serving.online.decoders import OVERRUN, DecoderPool, DecodingLimits

GEOMETRY = Geometry(size_px=64)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(workers=1, limits=DecodingLimits(seconds=20, memory_mb=64))
    pool.wait_ready()
    yield pool
    pool.close()


def decoded(pool: DecoderPool, image: bytes, max_pixels: int = 50_000_000) -> np.ndarray:
    return asyncio.run(pool.decode(image, GEOMETRY, max_pixels=max_pixels))


def test_pixels_are_those_of_training(pool: DecoderPool, picture) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        image = encoded(picture(1), kind)
        np.testing.assert_array_equal(decoded(pool, image), load_pixels(image, GEOMETRY))


def test_a_bad_image_is_refused_by_its_reason(pool: DecoderPool, picture) -> None:
    with pytest.raises(BadImageError, match="truncated PNG"):
        decoded(pool, encoded(picture(1))[:200])
    with pytest.raises(BadImageError, match="over the limit of 10"):
        decoded(pool, encoded(picture(1)), max_pixels=10)


def test_memory_is_bounded_and_the_next_image_is_answered(pool: DecoderPool, picture) -> None:
    bomb = encoded(np.zeros((6000, 8000, 3), np.uint8))  # 144 MB of pixels in a small file
    with pytest.raises(BadImageError, match="memory"):
        decoded(pool, bomb)
    assert decoded(pool, encoded(picture(1))).shape == (64, 64, 3)


def test_time_is_bounded_and_costs_one_process(picture) -> None:
    pool = DecoderPool(workers=1, limits=DecodingLimits(seconds=0.001, memory_mb=512))
    slow = encoded(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8))
    begun = time.monotonic()
    with pytest.raises(BadImageError, match=OVERRUN):
        decoded(pool, slow)
    assert pool.lost == 1
    assert time.monotonic() - begun < 30
    pool.close()
