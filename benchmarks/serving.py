"""What the service answers a second, against the engine with decoding and a plain handler.

    python benchmarks/serving.py BUNDLE FOLDER_OF_JPEGS --json build/serving.json

Services run in processes of their own, the load comes from this one; all share the machine's
processors. Images are reduced to small JPEGs (320 pixels) first. Contestants take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from _load import (
    Service,
    Taken,
    form_requests,
    image_requests,
    load,
    running,
    serve_command,
    small_jpegs,
)
from _measure import alternate
from _report import Cell, Check, Report, arguments_parser
from headstart.serving.predictor import as_manifest
from headstart.serving.predictor import load as load_predictor

CLIENTS = 16
CROWD = 200
FILES = 128
OURS, ENGINE, PEER = "service", "engine with decoding", "FastAPI + PyTorch eager"


@dataclass(frozen=True)
class Pace:
    """How fast a contestant was in one round.

    Attributes:
        rate: Images a second.
        processor_ms: Processor time an image, of all processes, the load included.
        taken: What clients were told, where there were any.
    """

    rate: float
    processor_ms: float
    taken: Taken | None = None


def main() -> None:
    """Measure and print."""
    options = parse_options()
    jpegs = small_jpegs(options.images)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(running(serve_command(options.bundle)))
        contestants: dict[str, Callable[[], Pace]] = {
            ENGINE: stack.enter_context(engine(options.bundle, jpegs, options.seconds)),
            OURS: asking(ours, image_requests(jpegs), options.seconds),
        }
        if not options.no_peer:
            peer = stack.enter_context(running(peer_command()))
            requests = form_requests(jpegs, path="/predict")
            contestants[PEER] = asking(peer, requests, options.seconds)
        for warm_up in contestants.values():
            warm_up()
        paces = alternate(contestants, options.rounds)
        alone = load(ours.port, image_requests(jpegs), clients=1, seconds=options.seconds)
        crowd = load(ours.port, image_requests(jpegs), clients=CROWD, seconds=options.seconds)
        ended = ours.end()
    is_reduced = options.seconds < 10 or options.rounds < 3
    report(paces, alone, crowd, ended, is_reduced=is_reduced).publish(options.json)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments_parser(__doc__, rounds=3)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("images", type=Path, help="folder with .jpg files, at any depth")
    parser.add_argument("--seconds", type=float, default=10, help="of each round [%(default)s]")
    parser.add_argument("--no-peer", action="store_true", help="leave the plain handler out")
    return parser.parse_args()


def peer_command() -> list[str]:
    """Return the command of the plain handler."""
    script = Path(__file__).with_name("peers") / "fastapi_eager.py"
    return [sys.executable, str(script)]


@contextlib.contextmanager
def engine(bundle: Path, jpegs: list[bytes], seconds: float) -> Iterator[Callable[[], Pace]]:
    """Yield the predictor on files, pass after pass."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(FILES)]
        for number, path in enumerate(paths):
            path.write_bytes(jpegs[number % len(jpegs)])
        predictor, manifest = load_predictor(bundle), as_manifest(paths)

        def measured() -> Pace:
            count, processor = 0, time.process_time()
            begun = time.perf_counter()
            while time.perf_counter() < begun + seconds:
                count += sum(1 for _ in predictor.stream(manifest))
            passed = time.perf_counter() - begun
            return Pace(count / passed, 1000 * (time.process_time() - processor) / count)

        yield measured


def asking(service: Service, requests: list[bytes], seconds: float) -> Callable[[], Pace]:
    """Return what measures a service under the load of sixteen clients."""

    def measured() -> Pace:
        processor = service.processor_s() + time.process_time()
        taken = load(service.port, requests, clients=CLIENTS, seconds=seconds)
        used = service.processor_s() + time.process_time() - processor
        good = len(taken.latencies_s.get(200, ()))
        return Pace(taken.rate, 1000 * used / max(good, 1), taken)

    return measured


def report(
    paces: dict[str, list[Pace]], alone: Taken, crowd: Taken, ended: int, *, is_reduced: bool
) -> Report:
    """Sum up: medians of the rounds."""
    rates = {name: median(pace.rate for pace in rounds) for name, rounds in paces.items()}
    rows: list[list[Cell]] = [_row(name, rounds) for name, rounds in paces.items()]
    rows += [_told(OURS, 1, alone), _told(OURS, CROWD, crowd)]
    checks = [
        Check("service against engine", rates[OURS] / rates[ENGINE], 0.8, "at least", ""),
        Check("503s' p99 of 200 clients", crowd.percentile_ms(99, 503), 100, "at most", "ms"),
        Check("answers but 200 and 503", float(_others(crowd)), 0, "at most", ""),
    ]
    if PEER in rates:
        checks.append(Check("service against plain handler", _gain(rates), 5, "at least", ""))
    return Report(
        title="Answers a second to small JPEGs",
        headers=("", "clients", "images/s", "processor ms/image", "p50 ms", "p99 ms", "answers"),
        rows=rows,
        checks=checks,
        notes=[
            "processor time includes the clients'; a refused client asks again after 0.1 s",
            f"503s of {CROWD} clients: p50 {crowd.percentile_ms(50, 503):.0f} ms",
            f"the service ended with {ended}",
        ],
        is_reduced=is_reduced,
    )


def _row(name: str, rounds: list[Pace]) -> list[Cell]:
    middle = sorted(rounds, key=lambda pace: pace.rate)[len(rounds) // 2]
    rate = median(pace.rate for pace in rounds)
    processor = median(pace.processor_ms for pace in rounds)
    if middle.taken is None:
        return [name, None, rate, processor, None, None, None]
    return [name, CLIENTS, rate, processor, *_latency(middle.taken)]


def _told(name: str, clients: int, taken: Taken) -> list[Cell]:
    return [name, clients, taken.rate, None, *_latency(taken)]


def _latency(taken: Taken) -> list[Cell]:
    said = ", ".join(f"{count} x {status}" for status, count in taken.statuses.items())
    return [taken.percentile_ms(50), taken.percentile_ms(99), said]


def _others(taken: Taken) -> int:
    return sum(count for status, count in taken.statuses.items() if status not in (200, 503))


def _gain(rates: dict[str, float]) -> float:
    return rates[OURS] / rates[PEER]


if __name__ == "__main__":
    main()
