"""One JSON object a line on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any, Final

LOGGER: Final = logging.getLogger("headstart.serving")


class JsonLines(logging.Formatter):
    """Formats a record with the fields of its ``extra={"fields": {…}}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{now}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str)


def log(
    event: str, *, level: int = logging.INFO, error: BaseException | None = None, **fields: Any
) -> None:
    """Write a line.

    Args:
        event: What happened, in one word or two.
        level: As of :mod:`logging`.
        error: Whose trace goes with it, into the log alone.
        **fields: What belongs to it.
    """
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={"fields": fields}, exc_info=error)


def log_to_stderr() -> None:
    """Set up the logs of the service, and uvicorn's warnings in the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("headstart.serving", logging.INFO), ("uvicorn", logging.CRITICAL)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
