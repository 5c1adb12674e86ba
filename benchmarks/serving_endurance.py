"""Ten thousand requests, fifty thousand predictions, a hundred slow connections.

    python benchmarks/serving_endurance.py BUNDLE FOLDER_OF_JPEGS --json build/endurance.json

The service runs in processes of its own with its default limits; the load comes from this one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from _load import (
    HOST,
    Pulse,
    Service,
    Taken,
    image_requests,
    load,
    running,
    serve_command,
    small_jpegs,
)
from _report import Cell, Check, Report, arguments_parser
from headstart.parallel import cpu_count

CLIENTS = 16
REQUESTS = 10_000
PREDICTIONS = 50_000
WARM_UP = 2_000
ALONE = 300
SLOW = 100
CLOSED_S = 30.0
_MB = 1e6


@dataclass(frozen=True)
class Slow:
    """What became of slow connections.

    Attributes:
        closed_s: When each was closed, from its start.
        pulse: The health check beside them.
    """

    closed_s: list[float]
    pulse: Pulse


def main() -> None:
    """Measure and print."""
    options = parse_options()
    requests = image_requests(small_jpegs(options.images))
    with running(serve_command(options.bundle)) as service:
        load(service.port, requests, clients=CLIENTS, count=WARM_UP)
        before = service.resident_bytes()
        alone = load(service.port, requests, clients=1, count=ALONE)
        many = load(service.port, requests, clients=CLIENTS, count=options.requests)
        told(f"{options.requests} requests", many)
        left = max(0, options.predictions - options.requests)
        rest = load(service.port, requests, clients=CLIENTS, count=left)
        told(f"{left} more", rest)
        after = service.resident_bytes()
        slow = slowed(service)
        ended = service.end()
    is_reduced = options.requests < REQUESTS or options.predictions < PREDICTIONS
    checks = [
        *load_checks(alone, many),
        Check("memory's growth", (after - before) / _MB, 50, "at most", "MB"),
        *slow_checks(slow),
    ]
    Report(
        title="What the service bears",
        headers=("", "requests", "a second", "p50 ms", "p99 ms", "answers"),
        rows=[row("alone", alone), row(f"{CLIENTS} clients", many), row("the rest", rest)],
        checks=checks,
        notes=[
            f"memory of all processes, what they share counted once: {before / _MB:.0f} MB",
            f"after {WARM_UP} predictions, {after / _MB:.0f} MB at the end; exit status {ended}",
        ],
        is_reduced=is_reduced,
    ).publish(options.json)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("images", type=Path, help="folder with .jpg files, at any depth")
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N")
    parser.add_argument("--predictions", type=int, default=PREDICTIONS, metavar="N")
    return parser.parse_args()


def told(what: str, taken: Taken) -> None:
    """Say how far it is."""
    print(f"{what}: {taken.seconds:.0f} s, {taken.statuses}", file=sys.stderr, flush=True)


def slowed(service: Service) -> Slow:
    """Open slow connections, half of them in their headers, half in their bodies."""
    pulse = Pulse(service.port)
    pulse.start()
    closed = asyncio.run(_slow_connections(service.port))
    pulse.end()
    return Slow(closed, pulse)


async def _slow_connections(port: int) -> list[float]:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    body = head + b"Content-Length: 100000\r\n\r\n"
    begun = [head + b"X: ", body + b"\xff\xd8\xff"]
    return await asyncio.gather(*(_slow(port, begun[n % 2]) for n in range(SLOW)))


async def _slow(port: int, begun: bytes) -> float:
    """Send a byte a second until the service closes; return after how many seconds it did."""
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(begun)
    reading = asyncio.ensure_future(reader.read())
    while not reading.done() and time.perf_counter() < start + 2 * CLOSED_S:
        await asyncio.wait([reading], timeout=1)
        writer.write(b"x")
    passed = time.perf_counter() - start
    writer.transport.abort()
    await asyncio.gather(reading, return_exceptions=True)
    return passed


def load_checks(alone: Taken, many: Taken) -> list[Check]:
    """Hold the load against its targets."""
    single_ms = 1000 * median(alone.latencies_s[200])
    limit_ms = 1.5 * CLIENTS / cpu_count() * single_ms
    wrong = sum(many.statuses.values()) - many.statuses.get(200, 0)
    p99 = f"p99 of {CLIENTS} clients (1.5 x {CLIENTS} / {cpu_count()} x {single_ms:.1f} ms alone)"
    return [
        Check("errors", float(wrong), 0, "at most", ""),
        Check(p99, many.percentile_ms(99), limit_ms, "at most", "ms"),
    ]


def slow_checks(slow: Slow) -> list[Check]:
    """Hold the slow connections against their targets."""
    return [
        Check("health check's p99 beside slow ones", slow.pulse.p99_ms, 1000, "at most", "ms"),
        Check("health checks not answered", float(slow.pulse.failed), 0, "at most", ""),
        Check(f"the last of {SLOW} slow closed", max(slow.closed_s), CLOSED_S, "at most", "s"),
    ]


def row(name: str, taken: Taken) -> list[Cell]:
    """Return a line of the table."""
    said = ", ".join(f"{count} x {status}" for status, count in taken.statuses.items())
    count = sum(taken.statuses.values())
    return [name, count, taken.rate, taken.percentile_ms(50), taken.percentile_ms(99), said]


if __name__ == "__main__":
    main()
