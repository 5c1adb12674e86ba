"""How long ``headstart train`` takes from a cold process, and how good the result is.

Usage: python benchmarks/train_end_to_end.py DATA [--rounds 3]

Every round starts two processes: one with an empty cache, then one with the cache
that it left. Wall time counts from the process's start to its end: imports, graph
export, audit, features, head, judgement, report and bundle included.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from _images import reduced
from _measure import alternate
from _report import Check, Report, arguments_parser
from _runs import TrainRun, train_run

COLD_TARGET_S = 40
WARM_TARGET_S = 12
ACCURACY_TARGET = 0.88
Pair = tuple[TrainRun, TrainRun]


def cold_then_warm(data: Path) -> Pair:
    """Run twice with one cache, empty at first."""
    with tempfile.TemporaryDirectory() as cache:
        return train_run(data, Path(cache)), train_run(data, Path(cache))


def report(pairs: list[Pair], *, is_reduced: bool) -> Report:
    """Sum up all rounds: medians of every step."""
    cold, warm = ([pair[index] for pair in pairs] for index in (0, 1))
    steps = [name for name in cold[0].metrics["timings_s"] if name != "total"]
    rows = [
        (step, median(run.step_s(step) for run in cold), median(run.step_s(step) for run in warm))
        for step in steps
    ]
    cold_s, warm_s = (median(run.seconds for run in runs) for runs in (cold, warm))
    checks = [
        Check("empty cache", cold_s, COLD_TARGET_S, "at most", "s"),
        Check("warm cache", warm_s, WARM_TARGET_S, "at most", "s"),
        Check("test accuracy", cold[0].accuracy["value"], ACCURACY_TARGET, "at least", ""),
    ]
    return Report(
        title=f"headstart train, median of {len(pairs)} rounds",
        headers=("step, s", "empty cache", "warm cache"),
        rows=[*rows, ("whole process", cold_s, warm_s)],
        checks=checks,
        notes=[f"test accuracy {cold[0].accuracy_text}"],
        is_reduced=is_reduced,
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=3)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        data = reduced(arguments.data, arguments.limit, Path(folder))
        jobs = {"headstart train, twice": lambda: cold_then_warm(data)}
        (pairs,) = alternate(jobs, arguments.rounds).values()
    report(pairs, is_reduced=arguments.limit is not None).publish(arguments.json)


if __name__ == "__main__":
    main()
