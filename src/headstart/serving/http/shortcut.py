"""The busiest route, answered without the layers of the framework around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Answering: TypeAlias = Callable[[Request], Awaitable[Response]]


class Shortcut:
    """ASGI middleware: answers some routes itself and passes on all others.

    The framework still describes these routes; what it does around each request (a sixth of
    the event loop's time) none of them needs.

    Args:
        app: Answers all others.
        routes: By method and path.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[tuple[str, str], Answering]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        answering = None
        if scope["type"] == "http":
            answering = self._routes.get((scope["method"], scope["path"]))
        if answering is None:
            await self._app(scope, receive, send)
            return
        response = await answering(Request(scope, receive))
        await response(scope, receive, send)
