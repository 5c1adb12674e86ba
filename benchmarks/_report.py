"""What every benchmark prints: a table, and whether each target is met."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from headstart.workflows.environment import processor_name

Cell = str | float | int | None


@dataclass(frozen=True)
class Check:
    """A figure beside its target.

    Attributes:
        what: What was measured.
        measured: The figure.
        target: What it should reach.
        sense: Whether the target is a floor or a ceiling.
        unit: Written behind both.
    """

    what: str
    measured: float
    target: float
    sense: Literal["at least", "at most"]
    unit: str

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        if self.sense == "at least":
            return self.measured >= self.target
        return self.measured <= self.target

    def line(self) -> str:
        """Return the check in one line."""
        word = "met" if self.met else "MISSED"
        unit = f" {self.unit}" if self.unit else ""
        goal = f"target: {self.sense} {number(self.target)}{unit}"
        return f"{self.what}: {number(self.measured)}{unit} ({goal}): {word}"


@dataclass(frozen=True)
class Report:
    """One run of a benchmark.

    Attributes:
        title: What was compared.
        headers: Column titles; the first column is text.
        rows: Cells; floats are rounded for print only.
        checks: Figures with their targets.
        notes: How to read the table.
        is_reduced: Whether less work was done than the targets are about.
        layout: How the table is printed.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    checks: Sequence[Check]
    notes: Sequence[str] = ()
    is_reduced: bool = False
    layout: Literal["text", "markdown"] = "text"

    def publish(self, file: Path | None) -> None:
        """Print the report, and write it as JSON where a file is given."""
        print(f"{self.title}\n{machine_line()}\n")
        print({"text": table, "markdown": markdown}[self.layout](self.headers, self.rows))
        print()
        for line in (*self.notes, *(check.line() for check in self.checks)):
            print(line)
        if self.is_reduced:
            print("REDUCED WORK: a try-out, no result; the targets are about the full data")
        if file is not None:
            content = {**asdict(self), "machine": machine_line()}
            content["checks"] = [{**asdict(check), "met": check.met} for check in self.checks]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a plain text table; first column to the left, the others to the right.

    >>> print(table(["tool", "s"], [["ours", 1.25], ["theirs", 100.0]]))
    tool       s
    ours    1.25
    theirs   100
    """
    cells = [list(headers), *([number(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        first, *rest = zip(row, widths, strict=True)
        parts = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def markdown(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table to be pasted into a page.

    >>> print(markdown(["tool", "s"], [["ours", 1.25]]))
    | tool | s |
    |---|---|
    | ours | 1.25 |
    """
    cells = [list(headers), ["---"] * len(headers), *([number(c) for c in row] for row in rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    lines[1] = lines[1].replace(" ", "")
    return "\n".join(lines)


def number(cell: Cell) -> str:
    """Return a cell as text, numbers with three significant digits.

    >>> number(1234.5), number(0.04567), number(None)
    ('1,234', '0.0457', '')
    """
    if cell is None:
        return ""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"


def machine_line() -> str:
    """Return what computes, and how busy it was when asked."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{processor_name()}, {cores} cores, Python {platform.python_version()}{load}"


def arguments_parser(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks share.

    Args:
        description: The module's docstring.
        rounds: Default number of rounds.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=rounds, help="rounds; medians count [%(default)s]"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    return parser
