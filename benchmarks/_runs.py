"""Whole runs of ``headstart train``, as a user starts them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import headstart_command, run_process


@dataclass(frozen=True)
class TrainRun:
    """One run.

    Attributes:
        seconds: Wall time of the whole process.
        peak_bytes: Its peak resident memory.
        metrics: Its ``metrics.json``.
    """

    seconds: float
    peak_bytes: int
    metrics: dict[str, Any]

    @property
    def accuracy(self) -> dict[str, float]:
        """Accuracy on the locked test images: value, low, high."""
        accuracy: dict[str, float] = self.metrics["test"]["accuracy"]
        return accuracy

    @property
    def accuracy_text(self) -> str:
        """The accuracy with its interval and the number of test images."""
        figure = self.accuracy
        interval = f"[{figure['low']:.3f}, {figure['high']:.3f}]"
        return f"{figure['value']:.3f} {interval}, n = {self.metrics['test']['n']}"

    def step_s(self, name: str) -> float:
        """Return the seconds that one step took, by the run's own clock."""
        return float(self.metrics["timings_s"][name])


def train_run(data: Path, cache: Path, *, options: Sequence[str] = ()) -> TrainRun:
    """Run ``headstart train`` in a new process.

    Args:
        data: Folder, archive or table.
        cache: Cache folder; an empty one makes it a first run.
        options: Further options of the command.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [headstart_command(), "train", str(data), "--out", str(out)]
        done = run_process([*command, "--cache", str(cache), *options])
        metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
        return TrainRun(done.seconds, done.peak_bytes, metrics)


def cold_train_run(data: Path, *, options: Sequence[str] = ()) -> TrainRun:
    """Run ``headstart train`` with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        return train_run(data, Path(cache), options=options)
