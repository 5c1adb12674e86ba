"""How long ``headstart benchmark`` takes over networks and heads, from an empty cache.

Usage: python benchmarks/grid.py DATA [--rounds 1] [--limit N]

Whole processes, from start to exit: every combination of EfficientNet-Lite0, 1 and 2 with
the heads linear, gap-1024-512 and svm is a run with report and bundle, then the leaderboard.
The second line is the same command again: every run is there and read. What the steps of the
nine runs took is summed from their own files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from _images import reduced
from _measure import alternate, headstart_command, run_process
from _report import Check, Report, arguments_parser

BACKBONES = "efficientnet_lite0,efficientnet_lite1,efficientnet_lite2"
HEADS = "linear,gap-1024-512,svm"
RUNS = 9
TARGET_S = 240


@dataclass(frozen=True)
class Round:
    """One benchmark from an empty cache, and again.

    Attributes:
        cold_s: Seconds of the process that made everything.
        again_s: Seconds of the process that read it.
        steps_s: Step -> seconds, summed over the runs.
        runs: Of the leaderboard, as it holds them.
    """

    cold_s: float
    again_s: float
    steps_s: dict[str, float]
    runs: list[dict[str, Any]]


def measure(data: Path) -> Round:
    """Run twice with one cache and one folder, both empty at first."""
    with tempfile.TemporaryDirectory() as place:
        out, cache = Path(place) / "out", Path(place) / "cache"
        command = [headstart_command(), "benchmark", str(data), "--backbones", BACKBONES]
        command += ["--heads", HEADS, "--out", str(out), "--cache", str(cache)]
        cold, again = run_process(command), run_process(command)
        (board,) = json.loads((out / "leaderboard.json").read_text(encoding="utf-8"))["data"]
        return Round(cold.seconds, again.seconds, _steps(out), board["runs"])


def _steps(out: Path) -> dict[str, float]:
    steps: Counter[str] = Counter()
    for file in out.glob("*/*/metrics.json"):
        steps.update(json.loads(file.read_text(encoding="utf-8"))["timings_s"])
    return dict(steps)


def report(rounds: list[Round], *, is_reduced: bool) -> Report:
    """Sum up all rounds: medians of every step, the accuracies of the first."""
    cold, again = (median(getattr(one, name) for one in rounds) for name in ("cold_s", "again_s"))
    names = [name for name in rounds[0].steps_s if name != "total"]
    rows = [(name, median(one.steps_s[name] for one in rounds)) for name in names]
    found = rounds[0].runs
    accuracies = [
        f"place {run['place']}{'=' if run['is_tied'] else ''}  {run['name']}: "
        f"{run['accuracy']['value']:.3f} [{run['accuracy']['low']:.3f}, "
        f"{run['accuracy']['high']:.3f}], {run['seconds']:.1f} s alone"
        for run in found
    ]
    return Report(
        title=f"headstart benchmark, {len(found)} runs, median of {len(rounds)} rounds",
        headers=("summed over the runs, s", "empty cache"),
        rows=[*rows, ("whole process", cold), ("the same command again", again)],
        checks=[
            Check("empty cache", cold, TARGET_S, "at most", "s"),
            Check("finished runs", len(found), RUNS, "at least", ""),
        ],
        notes=accuracies,
        is_reduced=is_reduced,
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        data = reduced(arguments.data, arguments.limit, Path(folder))
        (rounds,) = alternate({"grid": lambda: measure(data)}, arguments.rounds).values()
    report(rounds, is_reduced=arguments.limit is not None).publish(arguments.json)


if __name__ == "__main__":
    main()
