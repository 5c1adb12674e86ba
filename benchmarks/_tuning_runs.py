"""Fine-tuning inside ``headstart train``, with the time of each of its parts."""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import headstart
from headstart.config.training import PhaseConfig

T = TypeVar("T")

_FIRST_EPOCH = "phase 1, epoch 1 of"
_TIMING = "timing a training step"
_DECODING = "decoding"


@dataclass
class Stopwatches:
    """A listener to a run's progress that notes when each of its tasks began and ended."""

    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        """Yield the items, timing how long they take to pass."""
        del total, unit
        with self.wait(task):
            yield from items

    @contextmanager
    def wait(self, task: str) -> Iterator[None]:
        """Time a step; steps of one name add up."""
        began = time.perf_counter()
        self.began.setdefault(task, began)
        yield
        self.ended[task] = time.perf_counter()
        self.seconds[task] = self.seconds.get(task, 0.0) + self.ended[task] - began

    def say(self, message: str) -> None:
        """Note a line."""
        self.said.append(message)

    def first_step_at(self) -> float:
        """Return when the first training step began."""
        return next(at for task, at in self.began.items() if task.startswith(_FIRST_EPOCH))

    def heard(self, start: str) -> str:
        """Return the line that starts with some words, or nothing."""
        return next((line for line in self.said if line.startswith(start)), "")


@dataclass(frozen=True)
class TuningRun:
    """One fine-tuning.

    Attributes:
        epochs_s: Seconds of each epoch's steps, validation excluded.
        images: Training images of an epoch.
        decoding_s: Decoding of training and validation images, once a run.
        preparation_s: From the choice of the arithmetic to the first step: freezing,
            and what lies below the frozen boundary, where that is kept.
        arithmetic: What was chosen.
        trunk: What was said of the part below the frozen boundary, or nothing.
    """

    epochs_s: list[float]
    images: int
    decoding_s: float
    preparation_s: float
    arithmetic: str
    trunk: str


def tuning_run(
    data: Path, cache: Path, phases: Sequence[PhaseConfig], settings: Mapping[str, Any]
) -> TuningRun:
    """Run ``headstart.train`` with a plan of phases, the caches of features kept.

    Args:
        data: Folder, archive or table with a split.
        cache: Cache folder, which a second run finds filled.
        phases: The plan.
        settings: Other settings of ``training``.
    """
    watch = Stopwatches()
    plan = [phase.model_dump(mode="json") for phase in phases]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        config = {"training": {"strategy": "full", "phases": plan, **settings}}
        headstart.train(data, config=config, out=out, cache=cache, progress=watch)
        with (out / "epochs.csv").open(encoding="utf-8", newline="") as stream:
            epochs = list(csv.DictReader(stream))
        images = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["images"]
    return TuningRun(
        epochs_s=[float(epoch["seconds"]) for epoch in epochs],
        images=images["train"],
        decoding_s=watch.seconds[_DECODING],
        preparation_s=watch.first_step_at() - watch.ended[_TIMING],
        arithmetic=watch.heard("arithmetic: ").removeprefix("arithmetic: "),
        trunk=watch.heard("trunk: "),
    )
