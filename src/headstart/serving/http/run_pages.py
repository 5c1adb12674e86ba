"""``/v1/runs`` and ``/report``: a folder of runs, and their pages.

A browser brings no token when it opens a page in a tab, and a report has scripts of its own. So
the listing, which needs the token, gives signed addresses that end after a while, and what is
behind them is locked into a sandbox without an origin: it can ask this service for nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response

from headstart.serving.http.failures import RequestFailure

REPORT_PATH: Final = "/report"
VALID_S: Final = 3600
REPORT_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_REPORT_HEADERS: Final = {
    "Content-Security-Policy": REPORT_POLICY,
    "Cross-Origin-Opener-Policy": "unsafe-none",  # browsers refuse a sandbox that has another
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class RunShelf(Protocol):
    """A folder of runs."""

    def listing(self) -> dict[str, Any]:
        """Return what is in it, as JSON's objects: ``boards``, ``pages``, ``broken``.

        Each run and each page has a ``report``: a key of its own, or ``None``.
        """

    def report(self, key: str) -> Path | None:
        """Return the file behind a key of the last listing."""


class ReportAddresses:
    """Addresses that only this process can have given out.

    Args:
        valid_s: How long each is good for.
    """

    def __init__(self, *, valid_s: float = VALID_S) -> None:
        self._secret = secrets.token_bytes(32)
        self._valid_s = valid_s

    def address(self, key: str) -> str:
        """Return the address of a report."""
        until = str(int(time.time() + self._valid_s))
        query = urlencode({"run": key, "until": until, "signature": self._signed(key, until)})
        return f"{REPORT_PATH}?{query}"

    def key(self, query: Mapping[str, str]) -> str:
        """Return the key in an address.

        Raises:
            RequestFailure: It is not one of ours, or has ended.
        """
        key, until = query.get("run", ""), query.get("until", "")
        signature = query.get("signature", "").encode("utf-8", "replace")
        genuine = hmac.compare_digest(signature, self._signed(key, until).encode())
        if not genuine or int(until) < time.time():
            message = "this address has ended: open the report from the page of runs again"
            raise RequestFailure(403, "ended", message)
        return key

    def _signed(self, key: str, until: str) -> str:
        said = f"{until}:{key}".encode("utf-8", "replace")
        return hmac.new(self._secret, said, hashlib.sha256).hexdigest()


def add_runs(app: FastAPI, shelf: RunShelf | None) -> None:
    """Add both routes; without a folder, the listing says that there is none."""
    addresses = ReportAddresses()
    one_at_a_time = asyncio.Lock()

    @app.get("/v1/runs", summary="The runs in the folder given with --runs, best first")
    async def runs() -> Response:
        if shelf is None:
            return _json({"served": False, "boards": [], "pages": [], "broken": []})
        async with one_at_a_time:
            listed = await asyncio.to_thread(shelf.listing)
        return _json({"served": True, **_addressed(listed, addresses)})

    @app.get(REPORT_PATH, include_in_schema=False)
    async def report(request: Request) -> Response:
        file = shelf.report(addresses.key(request.query_params)) if shelf else None
        if file is None:
            raise RequestFailure(404, "no_report", "there is no such report any more")
        return FileResponse(file, media_type="text/html", headers=_REPORT_HEADERS)


def _addressed(listed: dict[str, Any], addresses: ReportAddresses) -> dict[str, Any]:
    """Return a listing with addresses in the place of keys."""

    def opened(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "report": addresses.address(row["report"]) if row["report"] else None}

    boards = [
        {**board, "runs": [opened(row) for row in board["runs"]]} for board in listed["boards"]
    ]
    return {**listed, "boards": boards, "pages": [opened(row) for row in listed["pages"]]}


def _json(content: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}  # its addresses end
    return Response(json.dumps(content), media_type="application/json", headers=headers)
