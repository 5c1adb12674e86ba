"""Decoding in processes: what an image may cost, and whom it costs."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.errors import BadImageError, DataError
from headstart.serving.online import decoders, decoding_process
from headstart.serving.online.decoders import OVERRUN, DecoderPool, DecodingLimits
from headstart.serving.online.views import View, Whole

GEOMETRY = Geometry(size_px=64)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


class Pool:
    """A pool with an event loop of its own."""

    def __init__(self, **limits: float) -> None:
        self.runner = asyncio.Runner()
        made = DecodingLimits(seconds=limits["seconds"], memory_mb=int(limits["memory_mb"]))
        self.pool = DecoderPool(workers=1, limits=made)
        try:
            self.runner.run(self.pool.wait_ready())
        except DataError:
            self.close()
            raise

    def decoded(
        self, image: bytes, view: View = GEOMETRY, *, max_pixels: int = 50_000_000
    ) -> np.ndarray:
        return self.runner.run(self.pool.decode(image, view, max_pixels=max_pixels))

    def close(self) -> None:
        self.pool.close()
        self.runner.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(seconds=20, memory_mb=64)
    yield pool
    pool.close()


def test_pixels_are_those_of_training(pool: Pool, picture) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        image = encoded(picture(1), kind)
        np.testing.assert_array_equal(pool.decoded(image), load_pixels(image, GEOMETRY))


def test_a_whole_image_is_made_smaller(pool: Pool, picture) -> None:
    image = encoded(picture(1, size=(300, 200)))
    assert max(pool.decoded(image, Whole(longest_px=100)).shape) == 100


def test_a_bad_image_is_refused_by_its_reason(pool: Pool, picture) -> None:
    with pytest.raises(BadImageError, match="truncated PNG"):
        pool.decoded(encoded(picture(1))[:200])
    with pytest.raises(BadImageError, match="over the limit of 10"):
        pool.decoded(encoded(picture(1)), max_pixels=10)


def test_memory_is_bounded_and_the_next_image_is_answered(pool: Pool, picture) -> None:
    bomb = encoded(np.zeros((6000, 8000, 3), np.uint8))  # 144 MB of pixels in a small file
    with pytest.raises(BadImageError, match="memory"):
        pool.decoded(bomb)
    assert pool.decoded(encoded(picture(1))).shape == (64, 64, 3)


def test_time_is_bounded_and_costs_one_process(picture) -> None:
    pool = Pool(seconds=0.001, memory_mb=512)
    slow = encoded(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8))
    begun = time.monotonic()
    with pytest.raises(BadImageError, match=OVERRUN):
        pool.decoded(slow)
    assert pool.pool.lost == 1
    assert time.monotonic() - begun < 30
    pool.close()


def played(code: str) -> Callable[..., subprocess.Popen[bytes]]:
    """Return what starts a process that runs some code in a decoder's place."""

    def start(connection: int, room: int, _: DecodingLimits) -> subprocess.Popen[bytes]:
        begin = (
            "import socket, sys\n"
            "from headstart.serving.online.wire import ANSWER, PIXELS, READY, REFUSED, TASK, Room\n"
            f"there, room = socket.socket(fileno={connection}), Room({room})\n"
        )
        descriptors = [connection, room]
        return subprocess.Popen([sys.executable, "-c", begin + code], pass_fds=descriptors)

    return start


READY_THEN = "there.sendall(ANSWER.pack(READY, 0, 0))\nthere.recv(TASK.size)\n"


@pytest.mark.parametrize(
    "lie",
    [
        "ANSWER.pack(PIXELS, 65, 64)",
        "ANSWER.pack(PIXELS, 2**31, 2**31)",
        "ANSWER.pack(REFUSED, 2**31, 0)",
        "ANSWER.pack(READY, 0, 0)",
        "ANSWER.pack(9, 0, 0)",
        "b'x' * 100",
    ],
)
def test_a_process_that_an_image_has_taken_over_is_not_believed(
    lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"{READY_THEN}room.begin()\nthere.sendall({lie})\nthere.recv(99_999_999)"
    monkeypatch.setattr(decoding_process, "_started", played(code))
    pool = Pool(seconds=20, memory_mb=64)
    with pytest.raises(BadImageError, match=OVERRUN):
        pool.decoded(b"image")
    assert pool.pool.lost == 1
    pool.close()


def test_a_process_that_ends_before_it_has_an_image_costs_that_nothing(
    monkeypatch: pytest.MonkeyPatch, picture
) -> None:
    sound = decoding_process._started
    monkeypatch.setattr(decoding_process, "_started", played(READY_THEN))
    pool = Pool(seconds=20, memory_mb=64)
    monkeypatch.setattr(decoding_process, "_started", sound)
    image = encoded(picture(1))
    np.testing.assert_array_equal(pool.decoded(image), load_pixels(image, GEOMETRY))
    assert pool.pool.lost == 0
    pool.close()


def test_a_process_that_cannot_be_replaced_at_once_is_replaced_later(
    monkeypatch: pytest.MonkeyPatch, picture
) -> None:
    sound, failures = decoding_process._started, [OSError("no memory"), OSError("no descriptor")]

    def start(*given: Any) -> subprocess.Popen[bytes]:
        if failures:
            raise failures.pop()
        return sound(*given)

    monkeypatch.setattr(decoders, "_REST_S", 0.05)
    monkeypatch.setattr(decoding_process, "_started", played(READY_THEN))
    pool = Pool(seconds=20, memory_mb=64)
    monkeypatch.setattr(decoding_process, "_started", start)
    image = encoded(picture(1))
    np.testing.assert_array_equal(pool.decoded(image), load_pixels(image, GEOMETRY))
    assert not failures
    pool.close()


def test_processes_that_do_not_start_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_process, "_started", played("sys.exit(1)"))
    with pytest.raises(DataError, match="does not start"):
        Pool(seconds=20, memory_mb=64)
