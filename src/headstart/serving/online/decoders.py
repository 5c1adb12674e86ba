"""Decoding in processes that may be lost: a hostile image costs one of them, not the service."""

from __future__ import annotations

import asyncio
import queue
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Final, TypeAlias

from headstart.data.manifest import Pixels
from headstart.errors import BadImageError, DataError
from headstart.serving.online.views import View, unpacked
from headstart.serving.online.wire import ANSWER, PIXELS, TASK, receive

OVERRUN: Final = "took more time or memory to decode than is allowed"
_WORKER: Final = "headstart.serving.online.decoding_worker"
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """What one image may cost.

    Attributes:
        seconds: Of waiting, and of processor time.
        memory_mb: On top of what a process takes at rest.
    """

    seconds: float
    memory_mb: int


@dataclass(slots=True)
class _Job:
    image: bytes
    view: View
    max_pixels: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Pixels]

    def settle(self, outcome: Pixels | Exception) -> None:
        self.loop.call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Pixels | Exception) -> None:
        if self.answer.done():  # nobody waits any more
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


_Jobs: TypeAlias = "queue.SimpleQueue[_Job | None]"


class DecoderPool:
    """Processes that decode, each behind a thread that waits for it.

    Args:
        workers: Number of processes.
        limits: What one image may cost.

    Attributes:
        lost: Processes that an image has cost.
    """

    def __init__(self, *, workers: int, limits: DecodingLimits) -> None:
        self.lost = 0
        self._limits = limits
        self._jobs: _Jobs = queue.SimpleQueue()
        self._started: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"decoder-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def wait_ready(self) -> None:
        """Wait until every process takes images.

        Raises:
            DataError: One does not start.
        """
        started = [self._started.get() for _ in self._threads]
        if not all(started):
            raise DataError("a process that decodes images does not start: is there memory left?")

    async def decode(self, image: bytes, view: View, *, max_pixels: int) -> Pixels:
        """Return an image as the square of a geometry, or whole, uint8 (H, W, 3).

        Raises:
            BadImageError: It cannot be decoded, or not within the limits.
        """
        loop = asyncio.get_running_loop()
        job = _Job(image, view, max_pixels, loop, loop.create_future())
        self._jobs.put(job)
        return await job.answer

    def close(self) -> None:
        """End all processes; what is still waiting is not decoded."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(self._limits.seconds + 1)

    def _serve(self) -> None:
        process = _Process(self._limits)
        self._started.put(process.start())
        try:
            while (job := self._jobs.get()) is not None:
                if job.answer.cancelled():
                    continue
                if not process.takes(job):  # it ended while idle: no image is to blame
                    process = process.replaced()
                    process.takes(job)
                outcome = process.answer()
                job.settle(outcome)
                if isinstance(outcome, _OverrunError):
                    self.lost += 1
                    process = process.replaced()
        finally:
            process.end()


class _OverrunError(BadImageError):
    """The process did not survive the image."""


class _Process:
    def __init__(self, limits: DecodingLimits) -> None:
        self._limits = limits
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", _WORKER, str(theirs.fileno())),
                    *(str(limits.memory_mb), str(limits.seconds)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket.settimeout(_START_S)
        self._ready = False

    def start(self) -> bool:
        """Wait until it takes images; return whether it does."""
        if not self._ready:
            try:
                receive(self._socket, ANSWER.size)
            except (OSError, EOFError):
                return False
            self._socket.settimeout(self._limits.seconds)
            self._ready = True
        return True

    def takes(self, job: _Job) -> bool:
        """Hand it an image; return whether it has that whole and begins."""
        if not self.start():
            return False
        view = job.view.model_dump_json().encode()
        header = TASK.pack(len(view), job.max_pixels, len(job.image))
        try:
            self._socket.sendall(header + view)
            self._socket.sendall(job.image)
            receive(self._socket, ANSWER.size)
        except (OSError, EOFError):
            return False
        return True

    def answer(self) -> Pixels | BadImageError:
        """Wait for what becomes of the image."""
        try:
            kind, length = ANSWER.unpack(receive(self._socket, ANSWER.size))
            content = receive(self._socket, length)
        except (OSError, EOFError):
            return _OverrunError(OVERRUN)
        if kind != PIXELS:
            return BadImageError(content.decode("utf-8", "replace"))
        return unpacked(content)

    def replaced(self) -> _Process:
        self.end()
        return _Process(self._limits)

    def end(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
