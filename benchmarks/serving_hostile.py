"""What the service says to mutated images and malformed requests, and whether it lives on.

    python benchmarks/serving_hostile.py BUNDLE --json build/serving_hostile.json

Images and requests are made here, the same ones for the same seed. Beside them all the health
check is asked ten times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import io
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from _load import HOST, Pulse, Service, running, serve_command
from _malformed import Attempt, malformed_requests, sound
from _mutations import mutated_images
from _report import Check, Report, arguments_parser

IMAGES = REQUESTS = 20_000
AT_ONCE = 96
LIMITS = {"header_timeout_s": 2, "body_timeout_s": 2, "idle_timeout_s": 2, "queue_images": 500}
"""Short deadlines, or the whole takes hours; room for all, or most images would be answered 503."""
HANG_S = 20.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_CODE = re.compile(rb'"error": ?\{"code": ?"(\w+)"')
_SERVER = re.compile(rb"\r\nserver:", re.IGNORECASE)
_TELLING = re.compile(rb'Traceback|File "|\.py\b| at 0x|(?:/[\w.+-]+){2,}|site-packages')


@dataclass
class Outcomes:
    """What became of attempts.

    Attributes:
        known: What the service's own page says: its addresses.
        counted: By name and outcome: a status with the code of its error, or how it ended.
        untyped: Answers without a code where there should be one.
        telling: Answers that tell of files, code or memory.
    """

    known: frozenset[bytes]
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    untyped: list[bytes] = field(default_factory=list)
    telling: list[bytes] = field(default_factory=list)

    def note(self, name: str, said: bytes, *, sent: bytes, ended: str) -> None:
        """Judge all answers on a connection."""
        if not said:
            self.counted[name, ended] += 1
            return
        codes = iter(_CODE.findall(said))
        for status in _STATUS.findall(said):
            code = b"" if status in (b"200", b"100") else next(codes, b"")
            if not code and status not in (b"200", b"100") and not sent.startswith(b"HEAD"):
                self.untyped.append(said)
            self.counted[name, f"{status.decode()} {code.decode()}".strip()] += 1
        told = {one for one in _TELLING.findall(said) if one not in sent}
        if _SERVER.search(said) or told.difference(self.known):
            self.telling.append(said)

    def total(self, *, starting: str) -> int:
        """Return how many outcomes start with something."""
        return sum(n for (_, said), n in self.counted.items() if said.startswith(starting))


def main() -> None:
    """Attack, count and print."""
    options = parse_options()
    limits = [text for pair in LIMITS.items() for text in ("--set", f"{pair[0]}={pair[1]}")]
    with running(serve_command(options.bundle, *limits)) as service:
        pulse = Pulse(service.port)
        pulse.start()
        images, seconds = attacked(service, image_attempts(options.images, options.seed))
        print(f"{options.images} images in {seconds:.0f} s", file=sys.stderr, flush=True)
        attempts = malformed_requests(options.requests, image=one_jpeg(), seed=options.seed)
        requests, seconds = attacked(service, attempts)
        print(f"{options.requests} requests in {seconds:.0f} s", file=sys.stderr, flush=True)
        pulse.end()
        lost, held = figures(service, "decoders_lost"), figures(service, "images_in_work")
        traces = service.log.read_text(errors="replace").count("Traceback")
        ended = service.end()
    is_reduced = options.images < IMAGES or options.requests < REQUESTS
    checks = [*outcome_checks(images, requests), *life_checks(pulse, held, traces, ended)]
    Report(
        title="Mutated images and malformed requests",
        headers=("what", "outcome", "count"),
        rows=[*table("image", images), *table("request", requests)],
        checks=checks,
        notes=[
            f"decoding processes lost and replaced: {lost:.0f}",
            f"health check, asked {len(pulse.times_s)} times beside: p99 {pulse.p99_ms:.0f} ms",
            *examples(images, requests),
        ],
        is_reduced=is_reduced,
    ).publish(options.json)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--images", type=int, default=IMAGES, metavar="N")
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def image_attempts(count: int, seed: int) -> Iterable[Attempt]:
    """Return requests with mutated images."""
    for name, image in mutated_images(count, seed=seed):
        yield Attempt(name, (sound(image, headers=b"Connection: close\r\n"),))


def one_jpeg() -> bytes:
    """Return a small sound image."""
    buffer = io.BytesIO()
    Image.effect_noise((48, 40), 90).convert("RGB").save(buffer, "JPEG", quality=30)
    return buffer.getvalue()


def attacked(service: Service, attempts: Iterable[Attempt]) -> tuple[Outcomes, float]:
    """Make all attempts, many at once; return what became of them, and the seconds."""
    begun = time.perf_counter()
    outcomes = Outcomes(own_addresses(service))
    asyncio.run(_attack(service.port, iter(attempts), outcomes))
    return outcomes, time.perf_counter() - begun


async def _attack(port: int, attempts: Iterable[Attempt], outcomes: Outcomes) -> None:
    async def one_after_another() -> None:
        for attempt in attempts:  # shared: each attempt is taken once
            said, ended = await _tried(port, attempt)
            outcomes.note(attempt.name, said, sent=b"".join(attempt.pieces), ended=ended)

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))


async def _tried(port: int, attempt: Attempt) -> tuple[bytes, str]:
    said = bytearray()
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        async with asyncio.timeout(HANG_S):
            for piece in attempt.pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            while data := await reader.read(65536):
                said += data
        ended = "closed"
    except TimeoutError:
        ended = "HUNG"
    except ConnectionError:
        ended = "reset"
    finally:
        writer.transport.abort()
    if ended == "closed" and not attempt.is_half:
        ended = "closed without a word"
    return bytes(said), ended


def own_addresses(service: Service) -> frozenset[bytes]:
    """Return what looks like paths in the service's own pages."""
    pages = (read(service, path) for path in ("/", "/openapi.json"))
    return frozenset(one for page in pages for one in _TELLING.findall(page))


def read(service: Service, path: str) -> bytes:
    """Return what is found at an address."""
    connection = http.client.HTTPConnection(HOST, service.port, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().read()


def figures(service: Service, name: str) -> float:
    """Return a figure of the service's own."""
    found = re.search(rf"^headstart_{name} (\S+)$", read(service, "/metrics").decode(), re.M)
    assert found
    return float(found[1])


def outcome_checks(*all_outcomes: Outcomes) -> list[Check]:
    """Hold the answers against what they should be."""
    server_errors = sum(o.total(starting="5") - o.total(starting="503") for o in all_outcomes)
    figures = {
        "5xx but 503": server_errors,
        "hung": sum(o.total(starting="HUNG") for o in all_outcomes),
        "without a typed outcome": sum(len(o.untyped) for o in all_outcomes),
        "answers that tell of files or code": sum(len(o.telling) for o in all_outcomes),
    }
    return [Check(what, float(count), 0, "at most", "") for what, count in figures.items()]


def life_checks(pulse: Pulse, held: float, traces: int, ended: int) -> list[Check]:
    """Hold the service itself against what it should be."""
    return [
        Check("health checks not answered", float(pulse.failed), 0, "at most", ""),
        Check("images left in work at the end", held, 0, "at most", ""),
        Check("internal errors in the log", float(traces), 0, "at most", ""),
        Check("exit status", float(ended), 0, "at most", ""),
    ]


def table(what: str, outcomes: Outcomes) -> list[list[str | int]]:
    """Return a row for each outcome."""
    summed: Counter[str] = Counter()
    for (_, said), count in outcomes.counted.items():
        summed[said] += count
    return [[what, said, count] for said, count in sorted(summed.items())]


def examples(*all_outcomes: Outcomes) -> list[str]:
    """Return some of the answers that should not be."""
    bad = [said for o in all_outcomes for said in (*o.untyped[:3], *o.telling[:3])]
    return [f"e.g. {said[-300:]!r}" for said in bad]


if __name__ == "__main__":
    main()
