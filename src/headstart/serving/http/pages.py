"""The web application's files: from a fixed table, so no request is led to a path."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

_FOLDER: Final = "static"
FORM: Final = "token.html"
"""What pages show where the service asks for its token, in the place of a comment of that name."""
_PAGES: Final = {"/": "index.html", "/runs": "runs.html"}
_PARTS: Final = (
    "style.css",
    "runs.css",
    "icon.svg",
    "index.js",
    "service.js",
    "elements.js",
    "model.js",
    "intake.js",
    "camera.js",
    "card.js",
    "heat.js",
    "csv.js",
    "token.js",
    "runs.js",
)
FILES: Final = {**_PAGES, **{f"/static/{name}": name for name in _PARTS}}
"""Address -> file. They say nothing of models, so they need no token."""
_KINDS: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent.

    Attributes:
        content: Its bytes.
        kind: Its media type.
        etag: By which a browser knows what it has.
    """

    content: bytes
    kind: str
    etag: str


def load_asset(name: str) -> Asset:
    """Read a file of the table; a page with the form for the token in it."""
    content = _read(name)
    if name in _PAGES.values():
        content = content.replace(f"    <!-- {FORM} -->\n".encode(), _read(FORM))
    etag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return Asset(content, _KINDS[name.rpartition(".")[2]], etag)


def _read(name: str) -> bytes:
    return files(__package__).joinpath(_FOLDER, name).read_bytes()


def add_pages(app: FastAPI) -> None:
    """Add a route a file."""
    for path, name in FILES.items():
        app.get(path, include_in_schema=False)(_sender(load_asset(name)))


def _sender(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}  # kept, but asked about

    async def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.kind, headers=headers)

    return send
