"""Load on a service: the process that answers, and clients that ask as cheaply as can be.

What clients cost is taken from the service's own processors where both share a machine, so they
parse nothing but the status and the length of an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

ENTRY = "from headstart.cli.main import entry_point; entry_point()"
SMALL_PX = 320
HOST = "127.0.0.1"
_ADDRESS = re.compile(r"http://\S+?:(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_START_S = 120.0


@dataclass
class Service:
    """A service in processes of its own.

    Attributes:
        process: Its first one.
        port: Where it listens.
        log: What it writes to standard error.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def tree(self) -> list[psutil.Process]:
        """Return its processes that live."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def resident_bytes(self) -> int:
        """Return the memory that its processes hold, what they share counted once."""
        total = 0
        for one in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_full_info().pss
        return total

    def processor_s(self) -> float:
        """Return the processor time that its living processes have had."""
        times = [one.cpu_times() for one in self.tree()]
        return sum(one.user + one.system for one in times)

    def end(self) -> int:
        """Tell it to end; return its exit status."""
        self.process.terminate()
        return self.process.wait(40)


def serve_command(bundle: Path, *options: str) -> list[str]:
    """Return the command that serves a bundle on a free port."""
    return [sys.executable, "-c", ENTRY, "serve", f"model={bundle}", "--port", "0", *options]


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[Service]:
    """Run a command that writes the address it listens on; end it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as errors:
            process = subprocess.Popen(command, stdout=errors, stderr=errors)
        try:
            yield Service(process, _port(process, log), log)
        finally:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        if found := _ADDRESS.search(log.read_text(errors="replace")):
            return int(found[1])
        time.sleep(0.05)
    sys.exit(f"the service does not start:\n{log.read_text(errors='replace')[-2000:]}")


@dataclass
class Taken:
    """What clients were told.

    Attributes:
        seconds: From the first question to the last answer.
        latencies_s: Of the answers, by status; 0: the connection broke instead.
    """

    seconds: float = 0.0
    latencies_s: dict[int, list[float]] = field(default_factory=dict)

    @property
    def statuses(self) -> dict[int, int]:
        """How many answers of each status."""
        return {status: len(times) for status, times in sorted(self.latencies_s.items())}

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.latencies_s.get(200, ())) / self.seconds

    def percentile_ms(self, percent: float, status: int = 200) -> float:
        """Return how long answers took at most, in milliseconds; not a number without any."""
        times = self.latencies_s.get(status)
        return 1000 * float(np.percentile(times, percent)) if times else float("nan")


def load(
    port: int,
    requests: Sequence[bytes],
    *,
    clients: int,
    seconds: float = float("inf"),
    count: int | None = None,
    pause_s: float = 0.1,
) -> Taken:
    """Let clients ask again as soon as they are answered.

    Args:
        port: Of the service, on this machine.
        requests: Whole ones, taken in turns.
        clients: Each with a connection of its own.
        seconds: How long they begin further requests.
        count: How many requests they make together at most.
        pause_s: What a client waits after a 503.
    """
    return asyncio.run(_load(port, _Plan(requests, clients, seconds, count, pause_s)))


@dataclass
class _Plan:
    requests: Sequence[bytes]
    clients: int
    seconds: float
    count: int | None
    pause_s: float
    begun: int = 0
    until: float = 0.0
    taken: Taken = field(default_factory=Taken)

    def next_request(self) -> bytes | None:
        if time.perf_counter() >= self.until or self.begun == self.count:
            return None
        self.begun += 1
        return self.requests[self.begun % len(self.requests)]


async def _load(port: int, plan: _Plan) -> Taken:
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    plan.until = begun + plan.seconds
    over = [loop.create_future() for _ in range(plan.clients)]
    await asyncio.gather(*(_connect(port, plan, one) for one in over))
    await asyncio.gather(*over)
    plan.taken.seconds = time.perf_counter() - begun
    return plan.taken


async def _connect(port: int, plan: _Plan, over: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: _Client(port, plan, over), HOST, port)


class _Client(asyncio.Protocol):
    """One connection, made again where the service has closed it."""

    def __init__(self, port: int, plan: _Plan, over: asyncio.Future[None]) -> None:
        self._port = port
        self._plan = plan
        self._over = over
        self._received = b""
        self._asked: float | None = None
        self._pausing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not ended or (length and len(body) < int(length[1])):
            return
        self._received = b""
        status = int(head[9:12])
        self._note(status)
        if status == 503:
            loop = asyncio.get_running_loop()
            self._pausing = loop.call_later(self._plan.pause_s, self._ask)
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._over.done():
            return
        if self._asked is not None:
            self._note(0)
        if self._pausing is not None:
            self._pausing.cancel()
        again = _connect(self._port, self._plan, self._over)
        self._again = asyncio.ensure_future(again)

    def _ask(self) -> None:
        self._pausing = None
        if self._transport.is_closing():
            return
        request = self._plan.next_request()
        if request is None:
            self._over.set_result(None)
            self._transport.close()
            return
        self._asked = time.perf_counter()
        self._transport.write(request)

    def _note(self, status: int) -> None:
        assert self._asked is not None
        times = self._plan.taken.latencies_s.setdefault(status, [])
        times.append(time.perf_counter() - self._asked)
        self._asked = None


class Pulse(threading.Thread):
    """Asks the health check all the while.

    Attributes:
        times_s: Of its answers.
        failed: How often there was none.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._is_over = threading.Event()
        self.times_s: list[float] = []
        self.failed = 0

    def run(self) -> None:
        """Ask until told to end."""
        while not self._is_over.wait(0.1):
            begun = time.perf_counter()
            try:
                self._ask()
            except OSError:
                self.failed += 1
            self.times_s.append(time.perf_counter() - begun)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=10)
        connection.request("GET", "/healthz")
        if connection.getresponse().status != 200:
            raise ConnectionError
        connection.close()

    def end(self) -> None:
        """Ask no more."""
        self._is_over.set()
        self.join()

    @property
    def p99_ms(self) -> float:
        """How long the health check took at most, in milliseconds, but for one in a hundred."""
        return 1000 * float(np.percentile(self.times_s, 99))


def image_requests(images: Sequence[bytes], *, path: str = "/v1/predict") -> list[bytes]:
    """Return a request for each image, as the body."""
    return [
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {len(image)}\r\n\r\n".encode()
        + image
        for image in images
    ]


def form_requests(images: Sequence[bytes], *, path: str) -> list[bytes]:
    """Return a request for each image, as the file of a form, the way browsers send it."""
    return [_form_request(image, path) for image in images]


def _form_request(image: bytes, path: str) -> bytes:
    part = (
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
    )
    body = part + image + b"\r\n--xx--\r\n"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary=xx\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def small_jpegs(folder: Path, *, count: int = 64) -> list[bytes]:
    """Return photos as a phone's preview is uploaded: 320 pixels, some 16 kB."""
    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        sys.exit(f"no .jpg below {folder}")
    return [_small(path) for path in paths[:: max(1, len(paths) // count)][:count]]


def _small(path: Path) -> bytes:
    with Image.open(path) as image:
        image.thumbnail((SMALL_PX, SMALL_PX))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
