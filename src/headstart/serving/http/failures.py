"""What a request can come to grief of, as the one form every such answer has."""

from __future__ import annotations

from typing import Final

RETRY_AFTER_S: Final = 1


class RequestFailure(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """A request that is answered with its reason.

    Args:
        status: Of HTTP.
        code: What programs go by; never changes.
        message: What people read; holds nothing but what the request itself could know.
        headers: Further ones.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, object]:
        """Return the answer as JSON's objects."""
        error = {"code": self.code, "message": self.message}
        return {"error": error, "request_id": request_id}


def busy(message: str) -> RequestFailure:
    """Return 503: to be tried again."""
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return RequestFailure(503, "busy", message, headers=headers)


def closing(status: int, code: str, message: str) -> RequestFailure:
    """Return a failure after which the connection is of no use: its client has stalled."""
    return RequestFailure(status, code, message, headers={"Connection": "close"})
