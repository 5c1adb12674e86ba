"""A request's body, counted while it comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from headstart.serving.http.failures import RequestFailure, closing


async def read_body(
    request: Request, *, most_bytes: int, timeout_s: float, count: Callable[[int], None]
) -> bytes:
    """Return a body that keeps its limits.

    What is refused before its end is not cut off, or its client would see a reset instead of
    the answer: uvicorn reads on and keeps nothing, until the deadline of headers.

    Args:
        request: Whose.
        most_bytes: Its largest size, whatever its header promises.
        timeout_s: Until it has to be there.
        count: Told of every piece before it is kept; may refuse it.

    Raises:
        RequestFailure: Too large, too slow, or broken off.
    """
    _check_promise(request, most_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(request, most_bytes, count)
    except TimeoutError:
        message = f"the body was not there after {timeout_s:g} seconds"
        raise closing(408, "body_timeout", message) from None
    except ClientDisconnect:
        raise closing(400, "disconnected", "the body broke off") from None


async def _read(request: Request, most_bytes: int, count: Callable[[int], None]) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        if len(body) + len(piece) > most_bytes:
            raise _too_large(most_bytes)
        count(len(piece))
        body += piece
    return bytes(body)


def _check_promise(request: Request, most_bytes: int) -> None:
    promised = request.headers.get("content-length", "")
    if promised.isdecimal() and int(promised[:20]) > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> RequestFailure:
    message = f"the body is larger than {most_bytes:,} bytes"
    return RequestFailure(413, "body_too_large", message)
