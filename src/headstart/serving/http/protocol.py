"""uvicorn's HTTP/1.1 protocol with what it lacks: deadlines, caps, and one form of refusal."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headstart.serving.http.failures import RequestFailure, busy
from headstart.serving.http.gate import SECURITY_HEADERS
from headstart.serving.http.logs import log
from headstart.serving.http.metrics import Metrics

MOST_HEADER_BYTES: Final = 16_384
"""Of a request's line and headers; a little more where they come in pieces."""
_LINGER_S: Final = 1.0
"""For what a refused client still sends: closed at once, it would see a reset and no answer."""
_REASONS: Final = {
    400: b"Bad Request",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class GuardedProtocol(HttpToolsProtocol):
    """One connection. See :func:`guarded_protocol`."""

    header_timeout_s: ClassVar[float]
    write_timeout_s: ClassVar[float]
    max_connections: ClassVar[int]
    metrics: ClassVar[Metrics]
    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None
    _header_bytes: int = 0
    _is_in_header: bool = False
    _is_in_body: bool = False
    _refusal: RequestFailure | None = None
    _owed: RequestFailure | None = None
    _is_refused: bool = False

    def connection_made(self, transport: Any) -> None:
        """Take a connection on, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(busy("too many connections"))
            return
        self._watch_header()

    def data_received(self, data: bytes) -> None:
        """Go on with a request; its header has a deadline, and a limit, until it is whole."""
        if self._is_refused:
            return
        was_in_header = self._is_in_header
        super().data_received(data)
        if was_in_header and self._is_in_header:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._refuse(_too_large())
        if not (self._is_refused or self.transport.is_closing()):
            self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        self._forget_write_deadline()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count a header from its first byte."""
        super().on_message_begin()
        self._header_bytes = 0
        self._is_in_header = True

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._is_in_header = False
        super().on_headers_complete()
        self._is_in_body = True
        if self.expect_100_continue:  # refused before 100, it may or may not send its body
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._is_in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form of all refusals."""
        self._refuse(self._refusal or _malformed())

    def pause_writing(self) -> None:
        """Give the other side time to read what it has asked for."""
        super().pause_writing()
        self._forget_write_deadline()
        self._write_deadline = self.loop.call_later(self.write_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        self._forget_write_deadline()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that nothing more comes from."""
        self._close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _count(self, length: int) -> None:
        self._header_bytes += length
        if self._header_bytes > MOST_HEADER_BYTES:
            self._refusal = _too_large()
            raise self._refusal  # the parser stops

    def _refuse(self, failure: RequestFailure) -> None:
        """Answer in place of the application and close; whole requests are answered before."""
        if self._is_refused:
            return
        self._is_refused = True
        self._forget()
        if self._is_answering and not self.cycle.more_body:
            self._owed = failure
        elif self.pipeline:  # the last of several: earlier ones are in work
            self.pipeline.popleft()
            self._owed = failure
        else:
            self._break_off(failure)

    def on_response_complete(self) -> None:
        """Go on with what was sent meanwhile."""
        if self._owed is None or self.pipeline:
            super().on_response_complete()
        elif not self.transport.is_closing():
            self.flow.resume_reading()
            self._say(self._owed)
            self._linger()

    def _linger(self) -> None:
        self._deadline = self.loop.call_later(_LINGER_S, self._close)

    def _break_off(self, failure: RequestFailure) -> None:
        is_answered = self._is_in_body
        if self._is_answering:
            is_answered = self.cycle.response_started
            self.cycle.disconnected = True  # its body is not going to be whole
            self.cycle.message_event.set()
        if not is_answered:
            self._say(failure)
        self._linger()

    def _say(self, failure: RequestFailure) -> None:
        request_id = uuid.uuid4().hex
        self.transport.write(_written(failure, request_id))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.metrics.count("requests_total", route="none", status=str(failure.status))
        log("refused", request_id=request_id, status=failure.status, code=failure.code)

    def _watch_header(self) -> None:
        if self._is_answering:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout_s, self._too_slow)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _forget_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self._is_answering:
            self._close()

    def _close(self) -> None:
        """Close; at once where the other side does not read what it is sent."""
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()


def _written(failure: RequestFailure, request_id: str) -> bytes:
    """Return a whole answer."""
    body = json.dumps(failure.body(request_id)).encode()
    headers = [
        *((name.lower().encode(), value.encode()) for name, value in failure.headers.items()),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *SECURITY_HEADERS,
    ]
    lines = b"".join(b"%s: %s\r\n" % pair for pair in headers)
    status = b"HTTP/1.1 %d %s\r\n" % (failure.status, _REASONS[failure.status])
    return status + lines + b"\r\n" + body


def _malformed() -> RequestFailure:
    return RequestFailure(400, "malformed_request", "this is no proper HTTP/1.1 request")


def _too_large() -> RequestFailure:
    message = f"the request's headers are larger than {MOST_HEADER_BYTES:,} bytes"
    return RequestFailure(431, "header_too_large", message)


def guarded_protocol(
    *, header_timeout_s: float, write_timeout_s: float, max_connections: int, metrics: Metrics
) -> type[HttpToolsProtocol]:
    """Return a protocol class for :class:`uvicorn.Config`.

    Args:
        header_timeout_s: From the first byte that is waited for to the end of the header. It
            also ends connections that never send one.
        write_timeout_s: Until an answer that is held up is read.
        max_connections: More are told 503 and closed.
        metrics: Where what is refused here is counted.
    """
    limits = {
        "header_timeout_s": header_timeout_s,
        "write_timeout_s": write_timeout_s,
        "max_connections": max_connections,
        "metrics": metrics,
    }
    return type("LimitedProtocol", (GuardedProtocol,), limits)
