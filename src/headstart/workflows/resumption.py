"""Finding the run that ``--resume`` means."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from headstart.errors import ConfigError, TrainingError, listed
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.resume_record import ResumeRecord
from headstart.workflows.run_directory import RECORD, final_of, partials_of, remove_scratch

_FINISHED: Final = "metrics.json"


def find_resumable(run: Path) -> Path:
    """Return the folder in which a stopped run is to go on.

    Args:
        run: Where the run would have been, or its unfinished folder itself.

    Raises:
        ConfigError: It is finished, or there is nothing to go on from; says what was
            looked for.
    """
    if final_of(run) is not None and run.is_dir():
        return _newest([run], run)
    found = partials_of(run)
    if run.exists():
        raise ConfigError(_about_existing(run, found))
    if not found:
        raise ConfigError(_about_missing(run))
    return _newest(found, run)


def resumable(final: Path) -> list[Path]:
    """Return the unfinished folders of a run that can go on, the newest last."""
    found = [path for path in partials_of(final) if ResumeRecord.read(path) is not None]
    return sorted(found, key=_last_written)


def resume_command(partial: Path, *options: str) -> str:
    """Return what to type, to go on in an unfinished folder.

    >>> resume_command(Path("runs/.my waste.partial-7"))
    "headstart train --resume 'runs/my waste'"
    """
    final = final_of(partial) or partial
    run = partial if final.exists() else final
    return shlex.join(["headstart", "train", "--resume", str(run), *options])


def how_to_go_on(partial: Path, error: BaseException) -> str:
    """Return what to say of a run that was stopped and kept."""
    if isinstance(error, TrainingError):
        slower = resume_command(partial, "--lr-factor", "0.1")
        return f"the run is kept; to go on with a tenth of the learning rate: {slower}"
    return f"the run is kept; to go on: {resume_command(partial)}"


def slow_down(folder: Path, factor: float) -> str:
    """Multiply the learning rates of a stopped run's plan; return a note of it.

    Raises:
        ConfigError: The factor is not positive, or there is no plan yet.
    """
    plan = TuningPlan.read(folder)
    if factor <= 0:
        raise ConfigError(f"--lr-factor {factor:g}: expected a number above 0, such as 0.1")
    if plan is None:
        raise ConfigError(f"{folder} has no plan yet: resume without --lr-factor")
    phases = tuple(
        phase.model_copy(
            update={
                "optimiser": phase.optimiser.model_copy(
                    update={"learning_rate": phase.optimiser.learning_rate * factor}
                )
            }
        )
        for phase in plan.phases
    )
    at = max((folder / "checkpoints").glob("step-*.safetensors"), default=None)
    place = at.stem.removeprefix("step-").lstrip("0") if at else ""
    note = f"learning rates times {factor:g} from step {place or '0'} on, by --lr-factor"
    plan.model_copy(update={"phases": phases, "reasons": (*plan.reasons, note)}).write(folder)
    return note


def _newest(found: list[Path], run: Path) -> Path:
    sound = [path for path in found if ResumeRecord.read(path) is not None]
    if not sound:
        raise ConfigError(
            f"{run} was stopped before fine-tuning began, so there is nothing to go on from "
            f"(no sound {RECORD} in {listed(found, limit=3)}): train again, features are cached"
        )
    return max(sound, key=_last_written)


def _last_written(folder: Path) -> float:
    parts = (folder / RECORD, folder / "plan.json", folder / "checkpoints")
    return max((path.stat().st_mtime for path in parts if path.exists()), default=0.0)


def _about_existing(run: Path, unfinished: list[Path]) -> str:
    if not (run / _FINISHED).is_file():
        return f"{run} is no run of headstart train: expected runs/NAME as it would have been"
    if (run / RECORD).exists():  # a kill came between the last two steps
        remove_scratch(run)
    also = f"; an unfinished one of that name is {unfinished[-1]}: name that" if unfinished else ""
    return f"{run} is finished, there is nothing to resume{also}"


def _about_missing(run: Path) -> str:
    parent = run.parent
    folders = parent.iterdir() if parent.is_dir() else ()
    finals = {final_of(path) for path in folders if ResumeRecord.read(path) is not None}
    others = sorted(str(final) for final in finals if final is not None)
    known = f"; unfinished there: {listed(others)}" if others else ""
    return (
        f"no unfinished run {run}: looked for {parent / f'.{run.name}.partial-*'}{known}. "
        "Only a run that has begun to fine-tune can be resumed"
    )
