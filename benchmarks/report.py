"""How long a report takes to be made, and to open in a browser; what it weighs.

Usage: python benchmarks/report.py RUN [--data PHOTOS] [--rounds 5]

Making is a new process, ``headstart report RUN``, from its start to its end, maps included.
Opening is from navigation to the page's load event in a headless Chromium that is already
running, and to the first thumbnail of a confusion cell after its click; each round a fresh
page. Without a Chromium only making is measured.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from _browser import Browser, find_browser
from _measure import headstart_command, run_process
from _report import Check, Report, arguments_parser

MAKE, OPEN, CELL, SIZE = "make the report", "open it", "open a confusion cell", "its size"
TARGETS = {MAKE: (5.0, "s"), OPEN: (1.0, "s"), SIZE: (5.0, "MB")}
MB = 1e6
_CLICK = """(async () => {
  const began = performance.now();
  const cells = [...document.querySelectorAll("table.matrix tbody .opens")];
  cells.sort((a, b) => Number(b.textContent) - Number(a.textContent))[0].click();
  await document.querySelector("#viewer-thumbs img").decode();
  return (performance.now() - began) / 1000;
})()"""


def make(run: Path, data: Path | None, page: Path) -> float:
    """Return the seconds of a new process that makes the report."""
    where = ["--data", str(data)] if data else []
    command = [headstart_command(), "report", str(run), "--out", str(page), *where]
    return run_process(command).seconds


def show(browser: Browser, page: Path) -> Mapping[str, float]:
    """Return the seconds until the page is open, and until a cell's images are."""
    return {OPEN: browser.open(page), CELL: float(browser.run(_CLICK))}


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=5)
    parser.add_argument("run", type=Path, help="a finished run")
    parser.add_argument("--data", type=Path, help="its images, if they have moved")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "report.html"
        make(arguments.run, arguments.data, page)  # uncounted: files are read, caches filled
        times = [make(arguments.run, arguments.data, page) for _ in range(arguments.rounds)]
        figures = {MAKE: median(times), SIZE: page.stat().st_size / MB}
        program = find_browser()
        if program:
            with Browser(program) as browser:
                browser.emulate(1280, 900)
                shown = [show(browser, page) for _ in range(arguments.rounds)]
            figures |= {name: median(one[name] for one in shown) for name in (OPEN, CELL)}
    checks = [
        Check(name, figures[name], target, "at most", unit)
        for name, (target, unit) in TARGETS.items()
        if name in figures
    ]
    Report(
        title=f"the report of {arguments.run.name}, median of {arguments.rounds} rounds",
        headers=("what", "s or MB"),
        rows=list(figures.items()),
        checks=checks,
        notes=[] if program else ["no Chromium here: opening was not measured"],
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
