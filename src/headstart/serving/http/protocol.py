"""uvicorn's HTTP/1.1 protocol with what it lacks: a deadline for headers, a cap on connections."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class GuardedProtocol(H11Protocol):
    """One connection. See :func:`guarded_protocol`."""

    header_timeout_s: ClassVar[float]
    max_connections: ClassVar[int]
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection on, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.write(_FULL)
            transport.close()
            return
        self._watch_header()

    def data_received(self, data: bytes) -> None:
        """Go on with a request; its header has a deadline until it is whole."""
        super().data_received(data)
        if not self.transport.is_closing():
            self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        super().connection_lost(exc)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_header(self) -> None:
        if self._is_answering:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout_s, self._too_slow)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self._is_answering and not self.transport.is_closing():
            self.transport.close()


def guarded_protocol(*, header_timeout_s: float, max_connections: int) -> type[H11Protocol]:
    """Return a protocol class for :class:`uvicorn.Config`.

    Args:
        header_timeout_s: From the first byte that is waited for to the end of the header. It
            also ends connections that never send one.
        max_connections: More are told 503 and closed.
    """
    limits = {"header_timeout_s": header_timeout_s, "max_connections": max_connections}
    return type("LimitedProtocol", (GuardedProtocol,), limits)
