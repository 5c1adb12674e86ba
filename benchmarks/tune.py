"""How long a search of heads takes: trials a minute on cached features.

Usage: python benchmarks/tune.py DATA [--trials 100] [--rounds 3]

Whole processes, from start to exit, with the features in the cache; beside that the time
of the trials alone, as the search itself counts it. The backbone's features are computed
once before, and not counted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median

from _measure import headstart_command, run_process
from _report import Check, Report, arguments_parser

TARGET_S = 60.0
TRIALS = 100


def search(data: Path, out: Path, cache: Path, trials: int) -> tuple[float, dict[str, object]]:
    """Return the seconds of a whole search, and what it found."""
    line = [headstart_command(), "tune", str(data), "--trials", str(trials)]
    done = run_process([*line, "--out", str(out), "--cache", str(cache)])
    found: dict[str, object] = json.loads((out / "tune.json").read_text(encoding="utf-8"))
    return done.seconds, found


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=3)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--trials", type=int, default=TRIALS, help="trials [%(default)s]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        search(arguments.data, place / "first", place / "cache", 1)
        rounds = [
            search(arguments.data, place / f"round-{n}", place / "cache", arguments.trials)
            for n in range(arguments.rounds)
        ]
    rows = [
        (f"round {n}", seconds, float(str(found["seconds"])), str(found["verdict"]))
        for n, (seconds, found) in enumerate(rounds, 1)
    ]
    whole, trials = (median(row[place] for row in rows) for place in (1, 2))
    Report(
        title=f"headstart tune, {arguments.trials} trials, features cached",
        headers=("", "whole command, s", "trials, s", "verdict"),
        rows=rows,
        checks=[
            Check("trials, median", float(trials), TARGET_S, "at most", "s"),
            Check("whole command, median", float(whole), TARGET_S, "at most", "s"),
        ],
        notes=(f"{60 * arguments.trials / float(trials):.0f} trials a minute",),
        is_reduced=arguments.trials < TRIALS,
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
