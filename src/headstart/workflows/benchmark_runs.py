"""The runs of a benchmark on one data set: read, gone on with, or made; failures passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import polars as pl
import torch

from headstart.errors import DataError, HeadstartError, StorageError
from headstart.progress import Progress
from headstart.workflows.benchmark_folder import Made
from headstart.workflows.benchmark_plan import BenchmarkRun, DataSet
from headstart.workflows.preparation import PreparedData
from headstart.workflows.shared_work import SharedWork
from headstart.workflows.train import train, train_to
from headstart.workflows.tuning_config import wants_tuning

T = TypeVar("T")
_PASSED_OVER: Final = (HeadstartError, MemoryError, torch.OutOfMemoryError)


@dataclass
class Outcomes:
    """What became of the runs on one data set, as far as it got.

    Attributes:
        finished: Runs with their folders.
        failed: Runs with the reason.
        reason: Why nothing more can be made of the data; empty where it can.
    """

    finished: list[tuple[BenchmarkRun, Path]] = field(default_factory=list)
    failed: list[tuple[BenchmarkRun, str]] = field(default_factory=list)
    reason: str = ""


class DataSetRuns:
    """The runs on one data set.

    Args:
        data: Which.
        made: Name -> what there is of each run.
        cache: Cache folder.
        progress: Who is told.
    """

    def __init__(
        self, data: DataSet, made: Mapping[str, Made], *, cache: Path, progress: Progress
    ) -> None:
        self._data = data
        self._made = made
        self._cache = cache
        self._progress = SayingOnce(progress)
        self._told = progress
        self._shared = SharedWork()
        self._checked = False

    def run(self, runs: Sequence[BenchmarkRun], outcomes: Outcomes) -> None:
        """Make whatever is not there yet, one after another.

        Args:
            runs: In order.
            outcomes: Filled as runs end, so that an interruption keeps what there is.

        Raises:
            StorageError: The disk is full: the next run would meet the same.
        """
        for number, run in enumerate(runs, start=1):
            try:
                self._one(run, f"{self._data.name}, run {number} of {len(runs)}", outcomes)
            except DataError as error:
                outcomes.reason = str(error)
                self._told.say(f"{self._data.name} is left: {error}")
                self._rest(runs[number - 1 :], outcomes)
                return

    def _one(self, run: BenchmarkRun, where: str, outcomes: Outcomes) -> None:
        made = self._made[run.name]
        if made.is_finished:
            outcomes.finished.append((run, made.target))
            return
        reason = run.impossible
        if not reason:
            self._told.say(f"{where}: {run.name}")
            reason = self._make(run, made, [path for _, path in outcomes.finished])
        if reason:
            outcomes.failed.append((run, reason))
            self._told.say(f"{run.name} is passed over: {reason}")
        else:
            outcomes.finished.append((run, made.target))

    def _make(self, run: BenchmarkRun, made: Made, finished: Sequence[Path]) -> str:
        """Make one run; return why it failed, or nothing.

        Raises:
            DataError: The data are at fault: what a head alone meets, every run would.
            StorageError: The disk is full.
        """
        try:
            self._check_images(run, finished)
            if made.partial is not None:
                train(resume=made.partial, cache=self._cache, progress=self._progress)
            else:
                self._train(run, made.target)
        except StorageError:
            raise
        except DataError as error:
            if not (wants_tuning(run.config) and self._shared.has_images):
                raise
            return str(error)
        except _PASSED_OVER as error:
            return str(error) or "out of memory"
        return ""

    def _train(self, run: BenchmarkRun, target: Path) -> None:
        train_to(
            target,
            self._data.place,
            run.config,
            cache=self._cache,
            progress=self._progress,
            shared=self._shared,
            recipe=run.recipe,
        )

    def _check_images(self, run: BenchmarkRun, finished: Sequence[Path]) -> None:
        """Refuse to go on beside runs that were made from other images."""
        if self._checked or not finished:
            return
        prepared = self._shared.images(
            self._data.place, run.config, cache=self._cache, progress=self._progress
        )
        check_same_images(prepared, finished[0], self._data.place)
        self._checked = True

    def _rest(self, runs: Sequence[BenchmarkRun], outcomes: Outcomes) -> None:
        """Note what is there already of the runs that are not made any more."""
        for run in runs:
            made = self._made[run.name]
            if made.is_finished:
                outcomes.finished.append((run, made.target))


def check_same_images(prepared: PreparedData, folder: Path, place: str) -> None:
    """Refuse images that are not those that a finished run saw, by name and label.

    Raises:
        DataError: They are others.
    """
    then = set(_column_pairs(folder / "split.csv"))
    bad = set(pl.read_csv(folder / "rejected.csv", infer_schema=False)["path"])
    manifest = prepared.manifest
    now = {it for it in zip(manifest.paths, manifest.labels, strict=True) if it[0] not in bad}
    more, fewer = len(now - then), len(then - now)
    if more or fewer:
        raise DataError(
            f"{place} has changed since {folder} was made: {more:,} images are new or have "
            f"another label, {fewer:,} are gone. Put it back as it was, or choose another --out"
        )


def _column_pairs(file: Path) -> Iterator[tuple[str, str]]:
    table = pl.read_csv(file, infer_schema=False)
    yield from zip(table["image_path"], table["label"], strict=True)


class SayingOnce:
    """A :class:`headstart.progress.Progress` that repeats no message: runs have many in common.

    Args:
        progress: Who is told.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        """Pass on."""
        return self._progress.track(items, total=total, task=task, unit=unit)

    def wait(self, task: str) -> AbstractContextManager[object]:
        """Pass on."""
        return self._progress.wait(task)

    def say(self, message: str) -> None:
        """Pass on what is new."""
        if message not in self._said:
            self._said.add(message)
            self._progress.say(message)
