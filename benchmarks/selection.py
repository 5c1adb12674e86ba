"""How long the choice of a backbone and a strategy takes, before anything is trained.

Usage: python benchmarks/selection.py DATA [--rounds 1]

Whole processes, from start to exit: ``headstart check`` and ``headstart rank`` over
EfficientNet-Lite0, 1 and 2, each with an empty cache and again with the one it left.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from _measure import alternate, headstart_command, run_process
from _report import Check, Report, arguments_parser

TARGETS_S = {"check": (30.0, 8.0), "rank": (90.0, 8.0)}
WHEN = ("empty cache", "again")
OPTIONS: dict[str, tuple[str, ...]] = {"check": (), "rank": ("--backbones", "lite0,lite1,lite2")}


def time_twice(command: str, data: Path) -> tuple[float, float]:
    """Return the seconds of a command with an empty cache, and again."""
    with tempfile.TemporaryDirectory() as cache:
        line = [headstart_command(), command, str(data), *OPTIONS[command], "--cache", cache]
        first, second = run_process(line), run_process(line)
    return first.seconds, second.seconds


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    jobs = {command: partial(time_twice, command, arguments.data) for command in TARGETS_S}
    rounds = alternate(jobs, arguments.rounds)
    medians = {
        name: [median(column) for column in zip(*rounds[name], strict=True)] for name in jobs
    }
    checks = [
        Check(f"{name}, {when}", seconds, target, "at most", "s")
        for name, targets in TARGETS_S.items()
        for when, seconds, target in zip(WHEN, medians[name], targets, strict=True)
    ]
    Report(
        title=f"before any training, median of {arguments.rounds} rounds",
        headers=("whole process, s", *WHEN),
        rows=[(f"headstart {name}", *seconds) for name, seconds in medians.items()],
        checks=checks,
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
