"""How long a user waits for the first word: help, import, one photo; and the bundle's size.

Usage: python benchmarks/startup.py BUNDLE IMAGE [--rounds 11]

Every figure is the wall time of a new process, from its start to its end. The files
have been read before (a first, uncounted round), so the disk does not count.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from _measure import alternate_seconds, headstart_command, run_process
from _report import Check, Report, arguments_parser

HELP, PREDICT, IMPORT = "headstart --help", "headstart predict, one photo", "import headstart"
TARGETS_S = {HELP: 0.3, PREDICT: 1.5, IMPORT: 0.1}
BARE = "python -c pass"
BUNDLE_TARGET_MB = 20
MB = 1e6


def commands(bundle: Path, image: Path) -> dict[str, list[str]]:
    """Return what is started."""
    headstart = headstart_command()
    return {
        HELP: [headstart, "--help"],
        PREDICT: [headstart, "predict", str(bundle), str(image)],
        IMPORT: [sys.executable, "-c", "import headstart"],
        BARE: [sys.executable, "-c", "pass"],
    }


def bundle_bytes(bundle: Path) -> int:
    """Return the size of all files of a bundle, or of the one in a run."""
    inner = bundle / "bundle"
    folder = inner if inner.is_dir() else bundle
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=11)
    parser.add_argument("bundle", type=Path, help="bundle folder, or the run that holds it")
    parser.add_argument("image", type=Path, help="a photo")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    processes = commands(arguments.bundle, arguments.image)
    jobs = {name: partial(run_process, command) for name, command in processes.items()}
    for job in jobs.values():
        job()
    seconds = alternate_seconds(jobs, arguments.rounds)
    size = bundle_bytes(arguments.bundle) / MB
    checks = [Check(name, seconds[name], s, "at most", "s") for name, s in TARGETS_S.items()]
    Report(
        title=f"new processes, median of {arguments.rounds} rounds",
        headers=("process", "s"),
        rows=list(seconds.items()),
        checks=[*checks, Check("bundle", size, BUNDLE_TARGET_MB, "at most", "MB")],
        notes=["every figure holds the interpreter's own start: see the last row"],
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
