"""Who may ask, and by which name."""

from __future__ import annotations

import pytest

from headstart.config.serving import build_serve_config
from headstart.serving.http.failures import RequestFailure
from headstart.serving.http.guard import Guard

TOKEN = "a token of some length"


def refused(path: str = "/v1/models", *, config: dict[str, object], **headers: str) -> int:
    """Return the status that a request is refused with; 0: it is let through."""
    try:
        Guard(build_serve_config(config)).check(path, {"host": "localhost", **headers})
    except RequestFailure as failure:
        return failure.status
    return 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[(host, 0) for host in ("localhost", "LocalHost:8000", "127.0.0.1", "[::1]:80")],
        *[(host, 403) for host in ("evil.example", "192.0.2.1", "10.0.0.1:8000", "", "a/b")],
        *[(host, 403) for host in ("localhost@evil.example", "localhost:99999", "[::1", "a b")],
        *[(host, 403) for host in ("localhost.evil.example", "127.0.0.1.evil.example")],
    ],
)
def test_on_loopback_no_other_name_is_answered(host: str, status: int) -> None:
    assert refused(config={}, host=host) == status


@pytest.mark.parametrize(
    ("host", "status"), [("192.0.2.1:8000", 0), ("waste.example", 0), ("evil.example", 403)]
)
def test_elsewhere_addresses_and_names_that_were_allowed_are(host: str, status: int) -> None:
    config = {"host": "0.0.0.0", "insecure": True, "allowed_hosts": ["Waste.example"]}
    assert refused(config=config, host=host) == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 0),
        ("https://localhost", 0),
        ("http://localhost:81", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://localhost", 403),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str, status: int) -> None:
    assert refused(config={}, origin=origin) == status


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (f"Bearer {TOKEN}", 0),
        (f"bearer  {TOKEN} ", 0),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer \udcff", 401),
        ("", 401),
    ],
)
def test_a_token_is_asked_for(said: str, status: int) -> None:
    assert refused(config={"token": TOKEN}, authorization=said) == status


def test_probes_need_none() -> None:
    assert refused("/healthz", config={"token": TOKEN}) == 0
