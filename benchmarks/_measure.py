"""Timing for every benchmark: alternating rounds, whole processes, their peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

T = TypeVar("T")

_STDERR_TAIL = 2000
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Finished:
    """A process that has ended.

    Attributes:
        seconds: Wall time from its start to its end.
        peak_bytes: Most memory it held resident, mapped files included.
        output: What it printed.
        cpu_s: Processor time of all its threads, which other work on the machine hardly moves.
    """

    seconds: float
    peak_bytes: int
    output: str
    cpu_s: float = 0.0


def headstart_command() -> str:
    """Return the path of the ``headstart`` command beside this interpreter."""
    command = Path(sys.executable).with_name("headstart")
    if not command.is_file():
        sys.exit(f"no headstart command beside {sys.executable}: pip install -e '.[train]'")
    return str(command)


def run_process(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a command to its end; a failure ends the benchmark with what it said.

    Args:
        command: Program and arguments.
        environment: Variables added to this process's own.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}
        )
        status, usage = _wait(process)
        seconds = time.perf_counter() - began
        output.seek(0)
        errors.seek(0)
        if status:
            sys.exit(f"{' '.join(command)} failed ({status}):\n{errors.read()[-_STDERR_TAIL:]}")
        peak = usage.ru_maxrss * _MAXRSS_UNIT
        return Finished(seconds, peak, output.read(), usage.ru_utime + usage.ru_stime)


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage]:
    """Wait for a process; return its exit code and what it used."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def seconds_of(job: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def alternate(contestants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Let every contestant run once a round, in turns; every second round backwards.

    Whatever else the machine does then weighs on all of them alike.

    Args:
        contestants: Name -> what it does and returns.
        rounds: How often.

    Returns:
        Name -> its results, one a round, in the order of ``contestants``.
    """
    results: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(rounds):
        order = list(contestants)[:: -1 if number % 2 else 1]
        for name in order:
            results[name].append(contestants[name]())
            print(f"round {number + 1} of {rounds}: {name} done", file=sys.stderr, flush=True)
    return results


def alternate_seconds(
    contestants: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, float]:
    """Return each contestant's median wall time over alternating rounds."""

    def timed(job: Callable[[], object]) -> Callable[[], float]:
        return lambda: seconds_of(job)

    times = alternate({name: timed(job) for name, job in contestants.items()}, rounds)
    return {name: median(values) for name, values in times.items()}
