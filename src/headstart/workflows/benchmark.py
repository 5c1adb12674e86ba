"""``headstart benchmark``: every combination of a grid as a run, and who is ahead."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from headstart.config import TrainConfig, cache_dir
from headstart.config.grids import Grid, GridLike, build_grids, read_grids
from headstart.errors import DataError
from headstart.progress import Progress, Silent
from headstart.workflows.benchmark_board import build_board
from headstart.workflows.benchmark_folder import benchmark_folder, find_made
from headstart.workflows.benchmark_output import write_benchmark
from headstart.workflows.benchmark_plan import BenchmarkRun, DataSet, name_data, plan_runs
from headstart.workflows.benchmark_result import BenchmarkResult
from headstart.workflows.benchmark_runs import DataSetRuns, Outcomes

Place: TypeAlias = "str | Path"
Grids: TypeAlias = "GridLike | Sequence[Grid] | str | Path | None"
_NAMED = 4
"""Data sets that the folder is named for."""


def benchmark(
    data: Place | Sequence[Place],
    *,
    grid: Grids = None,
    recipe: str | None = None,
    config: TrainConfig | Mapping[str, Any] | None = None,
    assignments: Sequence[str] = (),
    out: Place | None = None,
    cache: Place | None = None,
    progress: Progress | None = None,
) -> BenchmarkResult:
    """Train every combination of a grid on every data set, and rank the runs.

    Features are computed once for each backbone, size and data set. A run that fails is
    passed over with its reason, data that nobody could use are left. The same call goes on
    where it was stopped: finished runs are read, a stopped fine-tuning is resumed.

    Args:
        data: Folder, archive or table of labelled images; or several of them.
        grid: Lists of values by setting, ``{"backbones": ["lite0", "lite2"], "heads":
            ["linear", "knn"], "head.folds": [3, 5]}``; several such; or a file of them.
        recipe: Name of a recipe (``headstart recipes``): its networks, if the grid names
            none, with its settings below the grid's.
        config: Settings of every run, as nested mapping.
        assignments: ``dotted.key=value``, over these.
        out: Folder of the runs and the leaderboard; ``runs/benchmark-<data>`` if not given.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Raises:
        UnknownNameError: A backbone, head or recipe is unknown; nothing has been done then.
        ConfigError: A setting is wrong, or the folder holds runs of other settings;
            nothing has been done then.
        DataError: The only data set cannot be used.
        StorageError: The disk is full; the same call goes on.
    """
    started, told = time.monotonic(), progress or Silent()
    sets = name_data([data] if isinstance(data, str | Path) else data)
    runs = plan_runs(as_grids(grid), recipe=recipe, given=config, assignments=assignments)
    folder = Path(out or Path("runs") / default_name(sets, recipe))
    job = _Job(folder, sets, runs, cache_dir(cache), told)
    with benchmark_folder(folder, sets, runs) as notes:
        try:
            job.run()
        except KeyboardInterrupt:
            told.say(f"stopped; {job.tally}. The same command goes on")
            if job.finished:
                write_benchmark(job.result(started, notes))
            raise
        result = job.result(started, notes)
        with told.wait("writing the leaderboard"):
            write_benchmark(result)
    return result


def as_grids(grid: Grids) -> tuple[Grid, ...]:
    """Return grids from whatever describes them.

    Raises:
        ConfigError: It describes none; see :func:`headstart.config.grids.build_grids`.
    """
    if grid is None:
        return ()
    if isinstance(grid, str | Path):
        return read_grids(Path(grid))
    ready = [one for one in grid if isinstance(one, Grid)]
    return tuple(ready) if ready else build_grids(grid)  # type: ignore[arg-type]


def default_name(data: Sequence[DataSet], recipe: str | None) -> str:
    """Return the name of a benchmark's folder: the same command finds it again."""
    more = [f"{len(data) - _NAMED}-more"] if len(data) > _NAMED else []
    return "-".join([recipe or "benchmark", *(one.name for one in data[:_NAMED]), *more])


class _Job:
    """One benchmark.

    Raises:
        ConfigError: The folder holds runs of other settings.
    """

    def __init__(
        self,
        folder: Path,
        data: Sequence[DataSet],
        runs: Sequence[BenchmarkRun],
        cache: Path,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._data = data
        self._runs = runs
        self._cache = cache
        self._progress = progress
        self._made = {one.name: find_made(folder, one, runs) for one in data}
        self._outcomes = {one.name: Outcomes() for one in data}

    @property
    def finished(self) -> int:
        """How many runs are there."""
        return sum(len(outcome.finished) for outcome in self._outcomes.values())

    @property
    def tally(self) -> str:
        """How many runs are there, of how many."""
        total = len(self._runs) * len(self._data)
        return f"{self.finished} of {total} runs are in {self._folder}"

    def run(self) -> None:
        """Make whatever is not there yet.

        Raises:
            DataError: There is one data set only, and nothing can be made of it.
        """
        self._say_what_there_is()
        for one in self._data:
            outcomes = self._outcomes[one.name]
            job = DataSetRuns(one, self._made[one.name], cache=self._cache, progress=self._progress)
            job.run(self._runs, outcomes)
            if len(self._data) == 1 and outcomes.reason and not outcomes.finished:
                raise DataError(outcomes.reason)

    def _say_what_there_is(self) -> None:
        known = [one for runs in self._made.values() for one in runs.values()]
        finished = sum(one.is_finished for one in known)
        stopped = sum(one.partial is not None for one in known)
        if finished or stopped:
            more = f", {stopped} go on where they were stopped" if stopped else ""
            self._progress.say(
                f"{finished} of {len(known)} runs are in {self._folder} already{more}"
            )

    def result(self, started: float, notes: tuple[str, ...]) -> BenchmarkResult:
        """Rank what there is.

        Args:
            started: When, by the monotonic clock.
            notes: What is to be said of the whole.
        """
        boards = tuple(
            build_board(one, self._outcomes[one.name], progress=self._progress)
            for one in self._data
        )
        return BenchmarkResult(boards, self._folder, time.monotonic() - started, notes)
