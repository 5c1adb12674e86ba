"""A process that decodes images for the service, within limits the system keeps.

Whatever an image does to a decoder, it does it here: a process without a network, a model or
a secret, which may be lost. It is started with the numbers of its socket and of the memory it
shares, and its limits.
"""

from __future__ import annotations

import math
import resource
import signal
import socket
import sys
from io import BufferedReader
from pathlib import Path

from headstart.errors import BadImageError
from headstart.serving.online.views import read_view, rendered
from headstart.serving.online.wire import (
    ANSWER,
    MOST_CONTENT,
    PIXELS,
    READY,
    REFUSED,
    TASK,
    Room,
)

_MB = 1 << 20


def main(arguments: list[str]) -> None:
    """Answer tasks until the service closes its side.

    Args:
        arguments: File descriptors of the socket and of the shared memory, MB of memory,
            seconds of processor time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends us, in its own time
    room = Room(int(arguments[1]))
    _limit_memory(int(arguments[2]))
    with socket.socket(fileno=int(arguments[0])) as connection:
        tasks = connection.makefile("rb")
        try:
            connection.sendall(ANSWER.pack(READY, 0, 0))
            while len(header := tasks.read(TASK.size)) == TASK.size:
                _limit_time(float(arguments[3]))
                connection.sendall(_answer(tasks, room, *TASK.unpack(header)))
        except ConnectionError:
            return


def _answer(
    tasks: BufferedReader, room: Room, view_bytes: int, max_pixels: int, image_bytes: int
) -> bytes:
    view = read_view(tasks.read(view_bytes))
    image = tasks.read(image_bytes)
    if len(image) < image_bytes:
        raise ConnectionError
    room.begin()
    try:
        pixels = rendered(image, view, max_pixels=max_pixels)
        room.put_pixels(pixels)
    except (BadImageError, MemoryError) as error:
        reason = str(error).encode() or b"needs more memory to decode than is allowed"
        room.put(reason[:MOST_CONTENT])
        return ANSWER.pack(REFUSED, len(reason), 0)
    return ANSWER.pack(PIXELS, *pixels.shape[:2])


def _limit_memory(megabytes: int) -> None:
    """Allow so much more than is in use; without /proc, the system's own limit stays."""
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * _MB,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    """Allow the next image so much processor time; the system ends the process after it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(sys.argv[1:])
