"""What every request passes: an id, the guard, security headers, a line in the log, a count."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headstart.serving.http.failures import RequestFailure
from headstart.serving.http.guard import Guard
from headstart.serving.http.logs import log
from headstart.serving.http.metrics import Metrics

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Gate:
    """ASGI middleware around the whole application.

    Args:
        app: What is behind it.
        guard: Who may ask.
        metrics: Where requests are counted.
        routes: Paths with the names they are logged and counted by; others are ``other``.
    """

    def __init__(
        self, app: ASGIApp, *, guard: Guard, metrics: Metrics, routes: Mapping[str, str]
    ) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = _Answer(send, _request_id(headers))
        scope.setdefault("state", {})["request_id"] = answer.request_id
        begun = time.perf_counter()
        try:
            self._guard.check(scope["path"], headers)
            await self._app(scope, receive, answer.send)
        except RequestFailure as failure:
            await answer.fail(failure)
        except Exception as error:  # the last resort: logged whole, told as 500  # noqa: BLE001
            log("internal error", level=40, error=error, request_id=answer.request_id)
            await answer.fail(RequestFailure(500, "internal", "a mistake of the service's"))
        finally:
            self._note(scope, answer, time.perf_counter() - begun)

    def _note(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = self._routes.get(scope["path"], "other")
        self._metrics.count("requests_total", route=route, status=str(answer.status))
        self._metrics.observe("request_seconds", seconds, route=route)
        log(
            "request",
            request_id=answer.request_id,
            route=route,
            method=scope["method"] if len(scope["method"]) < 10 else "other",
            status=answer.status,
            ms=round(1000 * seconds, 2),
            **scope["state"].get("noted", {}),
        )


class _Answer:
    """The answer of one request, on its way out."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._completed(list(message.get("headers", ())))
        await self._send(message)

    def _completed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Add what every answer has; a route's own policy goes before that of all others."""
        own = {name.lower() for name, _ in headers}
        missing = [pair for pair in SECURITY_HEADERS if pair[0] not in own]
        return [*headers, (b"x-request-id", self.request_id.encode()), *missing]

    async def fail(self, failure: RequestFailure) -> None:
        if self.status:  # an answer has begun: nothing can be said any more
            return
        body = json.dumps(failure.body(self.request_id)).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **{name.lower(): value for name, value in failure.headers.items()},
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        start: dict[str, Any] = {"type": "http.response.start", "status": failure.status}
        await self.send({**start, "headers": encoded})
        await self.send({"type": "http.response.body", "body": body})


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
