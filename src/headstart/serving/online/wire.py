"""What goes between the service and a process that decodes."""

from __future__ import annotations

import socket
import struct
from typing import Final

TASK: Final = struct.Struct("!III")
"""Bytes of the view as JSON, most pixels, bytes of the image."""
ANSWER: Final = struct.Struct("!BI")
"""Kind of answer, bytes of it."""
PIXELS, REFUSED, READY = 0, 1, 2


def receive(connection: socket.socket, length: int) -> bytearray:
    """Return exactly so many bytes.

    Raises:
        EOFError: The other side has gone.
        OSError: It has gone badly, or takes longer than the socket's timeout.
    """
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = connection.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data
