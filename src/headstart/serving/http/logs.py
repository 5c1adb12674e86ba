"""One JSON object a line on standard error."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TextIO

LOGGER: Final = logging.getLogger("headstart.serving")
_EVERY_S: Final = 0.1
_MOST_LINES: Final = 10_000


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


class BatchedLines(logging.Handler):
    """Writes lines together, ten times a second, on a thread of its own.

    A write for each would take a tenth of the event loop's time, and all of it while nobody
    reads the other end of a pipe. If that lasts, lines are left out, and counted.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._left_out = 0
        self._some = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; never waits."""
        if len(self._lines) >= _MOST_LINES:
            self._left_out += 1
            return
        self._lines.append(self.format(record) + "\n")
        if not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write what there is, unless that has got stuck."""
        if not self._writing.acquire(timeout=1):
            return
        try:
            self._write()
        finally:
            self._writing.release()

    def _write_on(self) -> None:
        while self._some.wait():
            time.sleep(_EVERY_S)
            self._some.clear()
            with self._writing:
                self._write()

    def _write(self) -> None:
        count = len(self._lines)
        if not count:
            return
        text = "".join(self._lines.popleft() for _ in range(count))
        left_out, self._left_out = self._left_out, 0
        if left_out:
            text += json.dumps({"event": "lines left out", "count": left_out}) + "\n"
        with contextlib.suppress(OSError, ValueError):  # whoever read it has gone
            self._stream.write(text)
            self._stream.flush()


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


@contextlib.contextmanager
def logs_on_stderr() -> Iterator[None]:
    """Write the logs of the service, and what uvicorn and asyncio say in the same form."""
    handler = BatchedLines(sys.stderr)
    handler.setFormatter(JsonLines())
    levels = {
        "headstart.serving": logging.INFO,
        "uvicorn": logging.CRITICAL,
        "asyncio": logging.ERROR,
    }
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield
    finally:
        handler.flush()
