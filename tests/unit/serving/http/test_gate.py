"""What every request passes."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from headstart.config.serving import build_serve_config
from headstart.serving.http.failures import busy
from headstart.serving.http.gate import Gate
from headstart.serving.http.guard import Guard
from headstart.serving.http.metrics import Metrics
from headstart.serving.http.shortcut import Shortcut


class Exchange:
    """One request through a gate, and what came out."""

    def __init__(self, app: Any, **headers: str) -> None:
        self.metrics = Metrics()
        gate = Gate(app, guard=Guard(build_serve_config({})), metrics=self.metrics, routes={})
        self.sent: list[dict[str, Any]] = []
        given = {"host": "localhost", **headers}
        raw = [(name.replace("_", "-").encode(), v.encode()) for name, v in given.items()]
        scope = {"type": "http", "method": "GET", "path": "/secret", "headers": raw}
        asyncio.run(gate(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def json(self) -> Any:
        return json.loads(self.sent[1]["body"])


async def fine(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def breaks(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("/home/secret/file.py")


async def breaks_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("/home/secret/file.py")


async def is_busy(scope: Any, receive: Any, send: Any) -> None:
    raise busy("too much")


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [("mine-1", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("<b>", False)],
)
def test_a_proper_request_id_is_kept(given: str, is_taken: bool) -> None:
    told = Exchange(fine, x_request_id=given).headers["x-request-id"]
    assert (told == given) == is_taken


def test_every_answer_has_the_headers_of_safety() -> None:
    for exchange in (Exchange(fine), Exchange(breaks), Exchange(fine, host="evil.example")):
        assert exchange.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in exchange.headers["content-security-policy"]


def test_a_mistake_of_ours_tells_nothing_but_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="headstart.serving"):
        exchange = Exchange(breaks)
    assert (exchange.status, exchange.json["error"]["code"]) == (500, "internal")
    assert "secret" not in json.dumps(exchange.json) + exchange.metrics.text({})
    assert any(record.exc_info for record in caplog.records)
    assert len(Exchange(breaks_late).sent) == 1, "an answer that has begun is not answered twice"


def test_refusals_say_when_to_come_again() -> None:
    exchange = Exchange(is_busy)
    assert (exchange.status, exchange.headers["retry-after"]) == (503, "1")
    assert exchange.json["request_id"] == exchange.headers["x-request-id"]


def test_requests_are_counted_by_routes_we_know() -> None:
    text = Exchange(fine).metrics.text({})
    assert 'headstart_requests_total{route="other",status="200"} 1' in text
    assert "secret" not in text


def test_a_shortcut_answers_its_routes_alone() -> None:
    async def answering(request: Any) -> Any:
        return is_busy

    for path, status in (("/secret", 503), ("/other", 200)):
        assert Exchange(Shortcut(fine, {("GET", path): answering})).status == status
