"""Decoding in processes that may be lost: a hostile image costs one of them, not the service."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from headstart.data.manifest import Pixels
from headstart.errors import BadImageError, DataError
from headstart.serving.online.decoding_process import (
    OVERRUN,
    DecodingLimits,
    DecodingProcess,
    Job,
)
from headstart.serving.online.views import View

__all__ = ["NO_START", "OVERRUN", "DecoderPool", "DecodingLimits"]

_LOGGER: Final = logging.getLogger("headstart.serving")
NO_START: Final = "a process that decodes images does not start: is there memory left?"
_MOST_TRIES: Final = 2
_REST_S: Final = 1.0
"""Before a process is started in place of one that did not even start."""


class DecoderPool:
    """Processes that decode. All of its state belongs to one event loop's thread.

    Args:
        workers: Number of processes.
        limits: What one image may cost.

    Attributes:
        lost: Processes that an image has cost.
    """

    def __init__(self, *, workers: int, limits: DecodingLimits) -> None:
        self.lost = 0
        self._limits = limits
        self._waiting: deque[Job] = deque()
        self._idle: list[DecodingProcess] = []
        self._starting: dict[DecodingProcess, asyncio.Future[bool]] = {}
        self._processes = {DecodingProcess(limits, self) for _ in range(workers)}
        self._connecting: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def wait_ready(self) -> None:
        """Wait until every process takes images.

        Raises:
            DataError: One does not start.
        """
        started = [self._connect(process) for process in self._processes]
        if not all(await asyncio.gather(*started)):
            raise DataError(NO_START)

    async def decode(self, image: bytes, view: View, *, max_pixels: int) -> Pixels:
        """Return an image as the square of a geometry, or whole, uint8 (H, W, 3).

        Raises:
            BadImageError: It cannot be decoded, or not within the limits.
        """
        job = Job(image, view, max_pixels, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._hand_out()
        return await job.answer

    def close(self) -> None:
        """End all processes; what is still waiting is not decoded."""
        self._is_closed = True
        for process in self._processes:
            process.end()

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            job = self._waiting.popleft()
            if not job.answer.done():  # somebody waits
                self._idle.pop().take(job)

    def freed(self, process: DecodingProcess) -> None:
        """Give a process that takes images the next one."""
        if process in self._starting:
            self._starting.pop(process).set_result(True)
        self._idle.append(process)
        self._hand_out()

    def ended(self, process: DecodingProcess, job: Job | None, *, is_to_blame: bool) -> None:
        """Put another process in the place of one, and try its image again unless to blame."""
        self._processes.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        if job is not None:
            self._settle(job, is_to_blame=is_to_blame)
        if self._is_closed:
            return
        if process in self._starting:
            self._starting.pop(process).set_result(False)
            asyncio.get_running_loop().call_later(_REST_S, self._replace)
        else:
            self._replace()

    def _settle(self, job: Job, *, is_to_blame: bool) -> None:
        if not is_to_blame and job.tries < _MOST_TRIES:
            self._waiting.appendleft(job)
            return
        self.lost += 1
        job.settle(BadImageError(OVERRUN))

    def _replace(self) -> None:
        if self._is_closed:
            return
        try:
            process = DecodingProcess(self._limits, self)
        except OSError as error:  # no memory or no descriptor left: there may be soon
            _LOGGER.warning("no decoding process", exc_info=error)
            asyncio.get_running_loop().call_later(_REST_S, self._replace)
            return
        self._processes.add(process)
        self._connect(process)

    def _connect(self, process: DecodingProcess) -> asyncio.Future[bool]:
        """Begin to listen to a process; return whether it will have started."""
        loop = asyncio.get_running_loop()
        self._starting[process] = loop.create_future()
        task = loop.create_task(process.connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return self._starting[process]
