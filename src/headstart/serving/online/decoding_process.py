"""One process that decodes, as the service's event loop sees it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from headstart.data.manifest import Pixels
from headstart.errors import BadImageError
from headstart.serving.online.views import View, could_be, written
from headstart.serving.online.wire import ANSWER, MOST_CONTENT, PIXELS, READY, REFUSED, TASK, Room

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


@dataclass(slots=True, eq=False)
class Job:
    """An image that is to be decoded, and who waits for it."""

    image: bytes
    view: View
    max_pixels: int
    answer: asyncio.Future[Pixels]
    tries: int = field(default=0, init=False)

    def settle(self, outcome: Pixels | BadImageError) -> None:
        """Tell who waits, if anybody still does."""
        if self.answer.done():
            return
        if isinstance(outcome, BadImageError):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class Owner(Protocol):
    """Who has processes, and is told of them."""

    def freed(self, process: DecodingProcess) -> None:
        """A process takes an image now."""

    def ended(self, process: DecodingProcess, job: Job | None, *, is_to_blame: bool) -> None:
        """A process is no more; the job it had is not settled."""


class DecodingProcess(asyncio.Protocol):
    """A process and the connection to it.

    Args:
        limits: What one image may cost.
        owner: Is told when it is free and when it has ended.

    Raises:
        OSError: There is no memory, or no descriptor left, for another process.
    """

    def __init__(self, limits: DecodingLimits, owner: Owner) -> None:
        self._limits = limits
        self._owner = owner
        self._job: Job | None = None
        self._given = 0
        self._received = b""
        self._deadline: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        with ExitStack() as undone:
            self._room = Room.build()
            undone.callback(self._room.close)
            self._socket, theirs = socket.socketpair()
            undone.callback(self._socket.close)
            with theirs:
                self._process = _started(theirs.fileno(), self._room.descriptor, limits)
            undone.pop_all()

    async def connect(self) -> None:
        """Listen to it; its owner is told once it takes images."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=self._socket)

    def connection_made(self, transport: Any) -> None:
        """Give it time to start."""
        self._transport = transport
        self._allow(_START_S)

    def take(self, job: Job) -> None:
        """Hand it an image."""
        assert self._transport is not None
        assert self._job is None
        self._job = job
        self._given += 1
        job.tries += 1
        view = written(job.view)
        self._transport.write(TASK.pack(len(view), job.max_pixels, len(job.image)) + view)
        self._transport.write(job.image)
        self._allow(self._limits.seconds)

    def data_received(self, data: bytes) -> None:
        """Settle the image in work; the next one may come."""
        self._received += data
        if len(self._received) < ANSWER.size:
            return
        answer, self._received = self._received, b""
        try:
            outcome = self._outcome(answer)
        except ValueError:  # it says what none of ours says: an image has taken it over
            self._overrun()
            return
        self._forget_deadline()
        job, self._job = self._job, None
        if job is not None and outcome is not None:
            job.settle(outcome)
        self._owner.freed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner what is left."""
        self._forget_deadline()
        self._process.kill()
        job, self._job = self._job, None
        is_to_blame = self._room.begun == self._given  # it had the image whole
        asyncio.get_running_loop().run_in_executor(None, self._process.wait)
        self._room.close()
        self._owner.ended(self, job, is_to_blame=is_to_blame)

    def end(self) -> None:
        """End it; what it works on is not decoded."""
        self._process.kill()
        self._process.wait()
        if self._transport is None:
            self._socket.close()
            self._room.close()

    def _outcome(self, answer: bytes) -> Pixels | BadImageError | None:
        """Read an answer. Raises ValueError for one that cannot be."""
        if len(answer) != ANSWER.size:
            raise ValueError(len(answer))
        kind, first, second = ANSWER.unpack(answer)
        if self._job is None:
            if kind == READY:
                return None
        elif kind == PIXELS and could_be(self._job.view, first, second):
            return self._room.taken_pixels(first, second)
        elif kind == REFUSED and first <= MOST_CONTENT:
            return BadImageError(self._room.taken(first).decode("utf-8", "replace"))
        raise ValueError(kind)

    def _allow(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._overrun)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overrun(self) -> None:
        assert self._transport is not None
        self._process.kill()
        self._transport.abort()


def _started(connection: int, room: int, limits: DecodingLimits) -> subprocess.Popen[bytes]:
    numbers = (connection, room, limits.memory_mb, limits.seconds)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", _WORKER, *map(str, numbers)],
        pass_fds=[connection, room],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
