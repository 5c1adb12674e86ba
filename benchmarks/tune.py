"""How long a search of heads takes: trials a minute on cached features.

Usage: python benchmarks/tune.py DATA [--trials 100] [--rounds 3]

The figure is of the trials, on features that a first search of one trial has put into the
cache. Each round is a whole process; what else it spends its time on (audit and reading of
features, comparison with the default, importances, retraining and judging the winner) is
printed beside it, and its processor time, which other work on the machine hardly moves.
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


STEPS = ("preparation", "trials", "comparison", "importances", "retraining")


def search(data: Path, out: Path, cache: Path, trials: int) -> tuple[list[float], str]:
    """Return the seconds of a whole search, of its process, of each step, and the verdict."""
    line = [headstart_command(), "tune", str(data), "--trials", str(trials)]
    done = run_process([*line, "--out", str(out), "--cache", str(cache)])
    found = json.loads((out / "tune.json").read_text(encoding="utf-8"))
    steps = [float(found["timings_s"][step]) for step in STEPS]
    return [done.seconds, done.cpu_s, *steps], str(found["verdict"])


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
    rows: list[tuple[str | float, ...]] = [
        (f"round {n}", *seconds) for n, (seconds, _) in enumerate(rounds, 1)
    ]
    trials = median(seconds[2 + STEPS.index("trials")] for seconds, _ in rounds)
    Report(
        title=f"headstart tune, {arguments.trials} trials, features cached",
        headers=("", "whole command, s", "processor time, s", *STEPS),
        rows=rows,
        checks=[Check("trials, median", trials, TARGET_S, "at most", "s")],
        notes=(
            f"{60 * arguments.trials / trials:.0f} trials a minute",
            *(verdict for _, verdict in rounds),
        ),
        is_reduced=arguments.trials < TRIALS,
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
