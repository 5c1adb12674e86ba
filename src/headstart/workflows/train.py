"""``headstart train``: images in; judged, deployable classifier out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.config import TrainConfig, build_config, cache_dir
from headstart.errors import ConfigError
from headstart.heads.fitting import check_head
from headstart.progress import Progress, Silent
from headstart.selection.threads import torch_threads
from headstart.workflows.mlflow_tracking import MlflowTracker, log_folders, read_tracker
from headstart.workflows.recipes import PlannedRun, recipe_config
from headstart.workflows.resume_record import ResumeRecord
from headstart.workflows.resumption import (
    find_resumable,
    how_to_go_on,
    resumable,
    resume_command,
    slow_down,
)
from headstart.workflows.run_directory import RunDirectory, final_of, free_name
from headstart.workflows.shared_work import SharedWork
from headstart.workflows.train_job import TrainJob
from headstart.workflows.train_result import TrainResult
from headstart.workflows.tuning_config import check_tuning

__all__ = ["TrainResult", "data_name", "train", "train_to"]


def train(
    data: str | Path | None = None,
    *,
    recipe: str | PlannedRun | None = None,
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    resume: str | Path | None = None,
    lr_factor: float | None = None,
    track: str | None = None,
) -> TrainResult:
    """Train, judge and bundle a classifier.

    Args:
        data: Folder, archive or table of labelled images.
        recipe: Name of a recipe (``headstart recipes``) that means one run; or one of the
            runs that it means, with its settings.
        config: Settings that differ from the recipe's, or the defaults.
        out: The run's directory, which must not exist yet; ``runs/<name>`` if not given.
        name: Name of the run; that of the recipe or the data if not given. A number is added where
            ``runs/<name>`` exists.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.
        resume: Where a run that was stopped while it fine-tuned would have been, or its
            unfinished folder: go on with that run, with its data and settings. Its
            weights will be those of a run that was never stopped, bit for bit, on the
            same machine's processor. Nothing else may be given but ``cache``,
            ``progress`` and ``lr_factor``.
        lr_factor: Multiply the learning rates of the rest of a resumed run, for one that
            diverged.
        track: Log the finished run as well: ``mlflow``, or ``mlflow:URI`` of a server,
            database or folder (``headstart[mlflow]``). A place that cannot be reached is a
            note of the result; the run is whole.

    Returns:
        The run, with its judgement on the locked test split.

    Raises:
        HeadstartError: Whatever the user can mend; nothing half-written stays.
    """
    heard = progress or Silent()
    tracker = read_tracker(track)
    if resume is not None:
        given = {"data": data, "recipe": recipe, "config": config, "out": out, "name": name}
        _refuse(key for key, value in given.items() if value is not None)
        return log_run(_resume(Path(resume), cache, heard, lr_factor), tracker, heard)
    if data is None or lr_factor is not None:
        needed = "lr_factor only goes with resume" if data else "train needs data, or resume"
        raise ConfigError(f"{needed}: train(PHOTOS), or train(resume='runs/NAME')")
    planned = recipe_config(recipe, config) if isinstance(recipe, str) else recipe
    if planned is not None:
        config, name = planned.config, name or planned.name
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    check_head(settings.head)
    check_tuning(settings)
    target = Path(out) if out else free_name(Path("runs"), name or data_name(data))
    recipe_name = planned.recipe if planned else ""
    result = train_to(
        target, data, settings, cache=cache_dir(cache), progress=heard, recipe=recipe_name
    )
    return log_run(result, tracker, heard)


def log_run(result: TrainResult, tracker: MlflowTracker | None, progress: Progress) -> TrainResult:
    """Log a finished run where it was asked for; a place that fails is a note, no error."""
    if tracker is None:
        return result
    with progress.wait("logging the run"):
        words = tuple(log_folders(tracker, [result.folder]))
    return replace(result, notes=(*result.notes, *words))


def train_to(
    target: Path,
    data: str | Path,
    config: TrainConfig,
    *,
    cache: Path,
    progress: Progress,
    shared: SharedWork | None = None,
    recipe: str = "",
) -> TrainResult:
    """Make one run of checked settings. See :func:`train`.

    Args:
        target: The run's directory, which must not exist yet.
        data: Folder, archive or table of labelled images.
        config: All its settings.
        cache: Cache folder.
        progress: Who is told.
        shared: What it has in common with other runs of this process.
        recipe: The published plan it follows; empty for none.
    """
    with _kept_if_stopped(RunDirectory(target), progress) as run:
        _say_unfinished(run, progress)
        job = TrainJob(
            config,
            cache=cache,
            progress=progress,
            folder=run.path,
            shared=shared,
            recipe=recipe,
        )
        return job.run(data, target)


def _resume(
    asked: Path, cache: str | Path | None, progress: Progress, lr_factor: float | None
) -> TrainResult:
    partial = find_resumable(asked)
    wanted = final_of(partial) or asked
    target = free_name(wanted.parent, wanted.name)
    with _kept_if_stopped(RunDirectory(target, partial=partial), progress) as run:
        record = _going_on(run.path, lr_factor)
        progress.say(f"going on in {partial}; it will be {target}")
        job = TrainJob(
            build_config(record.config),
            cache=cache_dir(cache or record.cache),
            progress=progress,
            folder=run.path,
            record=record,
        )
        with torch_threads(record.threads):
            return job.run(record.data, target)


def _going_on(partial: Path, lr_factor: float | None) -> ResumeRecord:
    """Return the record of a stopped run, with what changes from now on."""
    record = ResumeRecord.read(partial)
    assert record is not None, "find_resumable has read it"
    slower = slow_down(partial, lr_factor) if lr_factor is not None else None
    notes = ("resumed after a stop: times count from then", record.machine_note(), slower)
    record = record.noting(*(note for note in notes if note))
    record.write(partial)
    return record


@contextmanager
def _kept_if_stopped(run: RunDirectory, progress: Progress) -> Iterator[RunDirectory]:
    """Say how to go on, if the run stops with something to go on from."""
    try:
        with run:
            yield run
    except BaseException as error:
        if run.kept:
            words = how_to_go_on(run.path, error)
            error.add_note(words)
            progress.say(words)
        raise


def _say_unfinished(run: RunDirectory, progress: Progress) -> None:
    for partial in resumable(run.final):
        if partial != run.path:
            progress.say(
                f"an unfinished run of that name is in {partial}: {resume_command(partial)} "
                "would go on with it; remove the folder if you do not want to. Beginning anew"
            )


def _refuse(given: Iterator[str]) -> None:
    named = ", ".join(given)
    if named:
        raise ConfigError(f"resume goes on with the run's own data and settings: leave out {named}")


def data_name(data: str | Path) -> str:
    """Return what a run on some data is called."""
    return Path(data).absolute().name.split(".")[0] or "run"
