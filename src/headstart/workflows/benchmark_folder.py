"""A benchmark's folder: whose it is, what of it is done, and that nobody else works in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import headstart
from headstart.config import TrainConfig, build_config
from headstart.config.recipes import flattened
from headstart.errors import ConfigError, DataError, listed
from headstart.files import storage_errors, write_json
from headstart.workflows.benchmark_plan import BenchmarkRun, DataSet
from headstart.workflows.folder_lock import FolderLock
from headstart.workflows.resume_record import ResumeRecord
from headstart.workflows.resumption import resumable
from headstart.workflows.stored_run import METRICS, read_run

PLAN: Final = "benchmark.json"

_ANY: Final = (
    "backbone.name",  # part of the run's own name
    "backbone.offline",
    "data.allow_bad",
    "data.allow_leaks",
    "engine.threads",
    "training.checkpoint_minutes",
)
"""Settings that may differ between a run that was made and one that is asked for."""


@dataclass(frozen=True)
class Made:
    """What there is of a run already.

    Attributes:
        target: Where it is or will be.
        is_finished: Whether it is there.
        partial: Where it was stopped, if it can go on.
    """

    target: Path
    is_finished: bool
    partial: Path | None = None


@contextmanager
def benchmark_folder(
    folder: Path, data: Sequence[DataSet], runs: Sequence[BenchmarkRun]
) -> Iterator[tuple[str, ...]]:
    """Keep a folder for a benchmark while it works there; yield what to say of earlier work.

    Raises:
        ConfigError: Something else is in it, or another process works in it.
        StorageError: It cannot be written.
    """
    if folder.exists() and not (folder / PLAN).is_file() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder} exists already and holds no benchmark: choose another folder with --out"
        )
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    if not lock.take():
        raise ConfigError(f"another process works in {folder}: wait for it, or stop it first")
    try:
        said = _beyond(folder, data, runs)
        names = {it.name: str(Path(it.place).absolute()) for it in data}
        content = {"schema": 1, "headstart": headstart.__version__, "data": names}
        write_json(folder / PLAN, {**content, "runs": [run.name for run in runs]})
        yield said
    finally:
        lock.release()


def _beyond(folder: Path, data: Sequence[DataSet], runs: Sequence[BenchmarkRun]) -> tuple[str, ...]:
    """Return what to say of runs in the folder that are not asked for now."""
    asked = {folder / one.name / run.name for one in data for run in runs}
    others = [path.parent for path in folder.glob(f"*/*/{METRICS}") if path.parent not in asked]
    if not others:
        return ()
    names = listed((str(path.relative_to(folder)) for path in sorted(others)), limit=3)
    return (f"the grid is not that of last time: left as they are, and not shown: {names}",)


def find_made(folder: Path, data: DataSet, runs: Sequence[BenchmarkRun]) -> dict[str, Made]:
    """Return what there is of each run, by name.

    Raises:
        ConfigError: One of that name was made from other data, or with other settings.
    """
    return {run.name: _made(folder / data.name / run.name, data, run.config) for run in runs}


def _made(target: Path, data: DataSet, config: TrainConfig) -> Made:
    if target.exists():
        run = _read(target)
        _check(target, data, config, place=run[0], settings=run[1])
        return Made(target, is_finished=True)
    found = resumable(target)
    record = ResumeRecord.read(found[-1]) if found else None
    if record is None:
        return Made(target, is_finished=False)
    _check(found[-1], data, config, place=record.data, settings=record.config)
    return Made(target, is_finished=False, partial=found[-1])


def _read(target: Path) -> tuple[str, Mapping[str, Any]]:
    try:
        run = read_run(target)
    except DataError as error:
        raise ConfigError(f"{error}. Remove it, or choose another folder with --out") from error
    return run.data, run.config


def _check(
    path: Path, data: DataSet, config: TrainConfig, *, place: str, settings: Mapping[str, Any]
) -> None:
    mend = "the same command goes on; for another grid choose another --out, or remove that run"
    if place != str(Path(data.place).absolute()):
        raise ConfigError(f"{path} was made from {place}, not {data.place}: {mend}")
    changed = _changed(settings, config)
    if changed:
        raise ConfigError(
            f"{path} was made with other settings ({listed(changed, limit=4)}): {mend}"
        )


def _changed(settings: Mapping[str, Any], config: TrainConfig) -> list[str]:
    before = dict(flattened(build_config(settings).model_dump(mode="json")))
    now = dict(flattened(config.model_dump(mode="json")))
    return [
        f"{key} was {json.dumps(before.get(key))}, is {json.dumps(now.get(key))}"
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key) and key not in _ANY
    ]
