"""A process that decodes images for the service, within limits the system keeps.

Whatever an image does to a decoder, it does it here: a process without a network, a model or
a secret, which may be lost. It is started with the number of its socket and its limits.
"""

from __future__ import annotations

import math
import resource
import signal
import socket
import sys
from pathlib import Path

from headstart.errors import BadImageError
from headstart.serving.online.views import packed, read_view, rendered
from headstart.serving.online.wire import ANSWER, PIXELS, READY, REFUSED, TASK, receive

_MB = 1 << 20


def main(arguments: list[str]) -> None:
    """Answer tasks until the service closes its side.

    Args:
        arguments: File descriptor of the socket, MB of memory, seconds of processor time.
    """
    descriptor, memory_mb, seconds = int(arguments[0]), int(arguments[1]), float(arguments[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends us, in its own time
    _limit_memory(memory_mb)
    with socket.socket(fileno=descriptor) as connection:
        try:
            connection.sendall(ANSWER.pack(READY, 0))
            while True:
                header = receive(connection, TASK.size)
                _limit_time(seconds)
                _answer(connection, *TASK.unpack(header))
        except (EOFError, ConnectionError):
            return


def _answer(connection: socket.socket, view_bytes: int, max_pixels: int, image_bytes: int) -> None:
    view = read_view(bytes(receive(connection, view_bytes)))
    image = bytes(receive(connection, image_bytes))
    connection.sendall(ANSWER.pack(READY, 0))  # from here on, the image is to blame
    try:
        pixels = packed(rendered(image, view, max_pixels=max_pixels))
    except (BadImageError, MemoryError) as error:
        reason = str(error).encode() or b"needs more memory to decode than is allowed"
        connection.sendall(ANSWER.pack(REFUSED, len(reason)) + reason)
        return
    connection.sendall(ANSWER.pack(PIXELS, len(pixels)))
    connection.sendall(pixels)


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
