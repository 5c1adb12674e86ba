"""Who may ask: hosts, origins, tokens."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from headstart.config.serving import ServeConfig
from headstart.serving.http.failures import RequestFailure
from headstart.serving.http.pages import FILES
from headstart.serving.http.run_pages import REPORT_PATH

OPEN_PATHS = frozenset({"/healthz", "/readyz", REPORT_PATH, *FILES})
"""What probes and the pages need; they tell nothing, so they need no token. A report's address
is signed."""


class Guard:
    """Refuses requests that come by another name, from another site, or without the token.

    A name that is led to this address by its owner's DNS (rebinding) is no name of ours; an
    address in its place cannot be led anywhere, and is let through where any address listens.

    Args:
        config: Address, token and further names.
    """

    def __init__(self, config: ServeConfig) -> None:
        self._token = config.token.encode() if config.token else None
        self._names = {"localhost", config.host.lower(), *map(str.lower, config.allowed_hosts)}
        self._loopback_only = config.is_loopback

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Let a request through.

        Raises:
            RequestFailure: 403 or 401.
        """
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise RequestFailure(403, "unknown_host", "the service is not known by this host name")
        origin = headers.get("origin")
        if origin is not None and not _same(origin, host):
            raise RequestFailure(
                403, "foreign_origin", "requests of other sites' pages are refused"
            )
        if self._token is not None and path not in OPEN_PATHS:
            self._check_token(headers.get("authorization", ""))

    def _is_ours(self, host: str) -> bool:
        name = _name_of(host)
        if name is None:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._loopback_only

    def _check_token(self, authorization: str) -> None:
        assert self._token is not None
        scheme, _, given = authorization.partition(" ")
        matches = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not matches:
            headers = {"WWW-Authenticate": "Bearer"}
            message = "send the service's token: Authorization: Bearer TOKEN"
            raise RequestFailure(401, "no_token", message, headers=headers)


def _name_of(host: str) -> str | None:
    """Return the name in a Host header, without its port; ``None`` if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.hostname if plain else None


def _same(origin: str, host: str) -> bool:
    scheme, separator, rest = origin.lower().partition("://")
    return bool(separator) and scheme in {"http", "https"} and rest == host.lower()
