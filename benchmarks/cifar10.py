"""Memory and time of training on CIFAR-10, straight from its archive.

Usage: python benchmarks/cifar10.py ARCHIVE [--rounds 1]

One process with an empty cache for each round: it unpacks, computes the features of
60,000 images at 224 pixels and fits the head. The memory is the most that the process
held resident, the mapped pages of its caches included, as the system counted it.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from _images import reduced
from _measure import alternate
from _report import Check, Report, arguments_parser
from _runs import TrainRun, cold_train_run

MEMORY_TARGET_GB = 2.0
HEAD_TARGET_S = 30
GB = 1e9


def report(runs: list[TrainRun], *, is_reduced: bool) -> Report:
    """Sum up all rounds: medians, but the worst memory."""
    images = runs[0].metrics["images"]
    counts = ", ".join(f"{count:,} {split}" for split, count in images.items())
    steps = list(runs[0].metrics["timings_s"])
    rows = [(step, median(run.step_s(step) for run in runs)) for step in steps]
    peak = max(run.peak_bytes for run in runs) / GB
    head_s = median(run.step_s("head") for run in runs)
    features_s = median(run.step_s("features") + run.step_s("geometry") for run in runs)
    return Report(
        title=f"headstart train on an archive: {counts}; median of {len(runs)} rounds",
        headers=("step", "s"),
        rows=[*rows, ("whole process", median(run.seconds for run in runs))],
        checks=[
            Check("peak resident memory", peak, MEMORY_TARGET_GB, "at most", "GB"),
            Check("head", head_s, HEAD_TARGET_S, "at most", "s"),
        ],
        notes=[
            f"test accuracy {runs[0].accuracy_text}",
            f"features: {sum(images.values()) / features_s:.0f} images/s, the trial included",
        ],
        is_reduced=is_reduced,
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("archive", type=Path, help="CIFAR-10 as an archive of images")
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    parser.add_argument("--set", action="append", default=[], help="setting: dotted.key=value")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    options = [word for setting in arguments.set for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        data = reduced(arguments.archive, arguments.limit, Path(folder))
        job = partial(cold_train_run, data, options=options)
        (runs,) = alternate({"headstart train": job}, arguments.rounds).values()
    is_reduced = arguments.limit is not None
    report(runs, is_reduced=is_reduced).publish(arguments.json)


if __name__ == "__main__":
    main()
