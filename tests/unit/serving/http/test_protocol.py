"""What is sent to the service's socket: answered, refused in one form, or closed in time."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from headstart.serving.http.metrics import Metrics
from headstart.serving.http.protocol import MOST_HEADER_BYTES, guarded_protocol

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
DEADLINE_S = 0.3


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body, after a moment."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await asyncio.sleep(0.01)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Connection:
    """A socket to a service of its own, within one event loop."""

    def __init__(self, *, app: Any = echo, max_connections: int = 5) -> None:
        self.metrics = Metrics()
        self._protocol = guarded_protocol(
            header_timeout_s=DEADLINE_S,
            write_timeout_s=DEADLINE_S,
            max_connections=max_connections,
            metrics=self.metrics,
        )
        self._config = uvicorn.Config(
            app, http=self._protocol, lifespan="off", log_config=None, ws="none", access_log=False
        )
        self._config.load()
        self._state = ServerState()

    async def __aenter__(self) -> Connection:
        loop = asyncio.get_running_loop()
        made: Any = self._protocol
        self._server = await loop.create_server(
            lambda: made(config=self._config, server_state=self._state, app_state={}), "127.0.0.1"
        )
        return self

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._server.sockets[0].getsockname()
        return await asyncio.open_connection(host, port)

    async def __aexit__(self, *_: Any) -> None:
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    async def said_to(self, *pieces: bytes) -> bytes:
        """Return all that is said until the service closes, or for a second."""
        reader, writer = await self.open()
        reading = asyncio.ensure_future(_read(reader))
        for piece in pieces:
            if reading.done():
                break
            writer.write(piece)
            await asyncio.sleep(0.005)
        said = await reading
        writer.transport.abort()
        return said


async def _read(reader: asyncio.StreamReader) -> bytes:
    said = b""
    try:
        async with asyncio.timeout(1.5):
            while data := await reader.read(65536):
                said += data
    except TimeoutError:
        said += b"(open)"
    except ConnectionError:  # closed on what we were still sending
        pass
    return said


def run(job: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(job)


def said_to(*pieces: bytes) -> bytes:
    async def scenario() -> bytes:
        async with Connection() as connection:
            return await connection.said_to(*pieces)

    return run(scenario())


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", said)]


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \0\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        CHUNKED + b"zz\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_the_form_of_all_refusals(request_: bytes) -> None:
    said = said_to(request_)
    head, _, body = said.partition(b"\r\n\r\n")
    answer = json.loads(body)
    assert statuses(said) == [400]
    assert answer["error"]["code"] == "malformed_request"
    assert f"x-request-id: {answer['request_id']}".encode() in head
    assert b"connection: close" in head
    assert b"nosniff" in head
    assert b"\r\nserver:" not in head.lower()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nX: " + b"y" * MOST_HEADER_BYTES + b"\r\n\r\n"],
        [b"GET /" + b"y" * MOST_HEADER_BYTES + b" HTTP/1.1\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * MOST_HEADER_BYTES],
        [b"GET / HTTP/1.1\r\nX: ", *[b"y" * 4000] * 6],
    ],
)
def test_headers_have_a_limit(pieces: list[bytes]) -> None:
    said = said_to(*pieces)
    assert statuses(said) == [431]
    assert b"header_too_large" in said


@pytest.mark.parametrize(
    "pieces", [[], [b"GET"], [b"GET /", *[b"a"] * 200], [GET[:-2], *[b"a"] * 200]]
)
def test_headers_have_a_deadline_that_dripping_does_not_put_off(pieces: list[bytes]) -> None:
    assert said_to(*pieces) == b""


@pytest.mark.parametrize("nonsense", [b"nonsense\r\n\r\n", CHUNKED + b"zz\r\n"])
@pytest.mark.parametrize("times", [1, 3])
def test_requests_that_are_whole_are_answered_before_nonsense_is_refused(
    nonsense: bytes, times: int
) -> None:
    said = said_to((POST + b"hello") * times + nonsense + b"x" * 300_000)
    assert statuses(said) == [200] * times + [400]
    assert said.count(b"hello") == times
    assert b"malformed_request" in said


def test_pipelined_requests_are_answered_in_order() -> None:
    said = said_to(POST + b"first" + POST + b"other" + GET)
    assert statuses(said) == [200, 200, 200]
    assert said.index(b"first") < said.index(b"other")


def test_an_answer_is_not_followed_by_another_for_the_same_request() -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 415, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})

    async def scenario() -> bytes:
        async with Connection(app=refuses) as connection:
            return await connection.said_to(CHUNKED + b"5\r\n", b"hello\r\nzz\r\n")

    assert statuses(run(scenario())) == [415]


def test_what_waits_for_leave_to_send_is_closed_after_its_answer() -> None:
    waits = POST.replace(b"Host", b"Expect: 100-continue\r\nHost")
    said = said_to(waits, b"hello")
    assert statuses(said) == [100, 200]
    assert b"connection: close" in said


def test_connections_over_the_cap_are_told_to_come_again() -> None:
    async def scenario() -> bytes:
        async with Connection(max_connections=1) as connection:
            _, writer = await connection.open()
            await asyncio.sleep(0.01)
            said = await connection.said_to()
            writer.transport.abort()
            assert "503" in connection.metrics.text({})
            return said

    said = run(scenario())
    assert statuses(said) == [503]
    assert b"retry-after: 1" in said


def test_who_does_not_read_its_answers_is_cut_off() -> None:
    async def long(scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", b"20000000")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"x" * 20_000_000})

    async def scenario() -> int:
        async with Connection(app=long) as connection:
            _reader, writer = await connection.open()
            writer.transport.pause_reading()
            writer.write(GET)
            async with asyncio.timeout(30):
                while not connection._state.connections:  # it is taken
                    await asyncio.sleep(0.01)
                while left := len(connection._state.connections):  # and let go
                    await asyncio.sleep(0.01)
            writer.transport.abort()
            return left

    assert run(scenario()) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.booleans())
def test_any_bytes_are_refused_or_cut_off(pieces: list[bytes], after_a_request: bool) -> None:
    async def scenario() -> bytes:
        async with Connection() as connection:
            return await connection.said_to(GET if after_a_request else b"", *pieces, b"\0\r\n\r\n")

    said = run(scenario())
    assert set(statuses(said)) <= {200, 400}
    assert said.count(b"malformed_request") == statuses(said).count(400)
