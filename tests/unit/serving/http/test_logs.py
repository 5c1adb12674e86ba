"""Lines of the log: together, never in the way."""

from __future__ import annotations

import io
import json
import logging
import threading
import time

from headstart.serving.http import logs
from headstart.serving.http.logs import BatchedLines, JsonLines


def record(text: str) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
    made.fields = {"request_id": "1"}
    return made


def handler(stream: io.StringIO) -> BatchedLines:
    made = BatchedLines(stream)
    made.setFormatter(JsonLines())
    return made


def test_lines_are_written_in_order_soon() -> None:
    stream = io.StringIO()
    batched = handler(stream)
    for number in range(5):
        batched.handle(record(f"event {number}"))
    until = time.monotonic() + 5
    while stream.getvalue().count("\n") < 5 and time.monotonic() < until:
        time.sleep(0.01)
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in written] == [f"event {number}" for number in range(5)]
    assert written[0]["request_id"] == "1"


class Stuck(io.StringIO):
    """A pipe whose reader has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.reads_on = threading.Event()

    def write(self, text: str) -> int:
        self.reads_on.wait(10)
        return super().write(text)


def test_a_reader_that_stops_holds_nothing_up_and_lines_left_out_are_counted(
    monkeypatch,
) -> None:
    monkeypatch.setattr(logs, "_MOST_LINES", 3)
    stream = Stuck()
    batched = handler(stream)
    begun = time.monotonic()
    for number in range(50):
        batched.handle(record(f"event {number}"))
    assert time.monotonic() - begun < 1
    stream.reads_on.set()
    batched.flush()
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert "lines left out" in events


def test_a_reader_that_has_gone_is_no_failure() -> None:
    stream = io.StringIO()
    batched = handler(stream)
    batched.handle(record("event"))
    stream.close()
    batched.flush()
