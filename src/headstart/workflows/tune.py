"""``headstart tune``: a search of settings, the winner retrained and judged once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from headstart.config import TrainConfig, build_config, cache_dir
from headstart.config.durations import seconds
from headstart.config.search_space import Space, parse_space, read_space
from headstart.errors import ConfigError
from headstart.files import storage_errors
from headstart.heads.fitting import check_head
from headstart.progress import Progress, Silent
from headstart.selection.search_spaces import Candidates, check_space, default_space
from headstart.workflows.folder_lock import FolderLock
from headstart.workflows.run_directory import free_name, refuse_existing
from headstart.workflows.tune_job import TuneJob
from headstart.workflows.tune_record import RESULT, Metric, TuneRecord, find_search
from headstart.workflows.tune_result import METRIC_NAMES, TuneResult
from headstart.workflows.tuning_config import check_tuning, spelt_out, wants_tuning

__all__ = ["TuneResult", "tune"]

TRIALS: Final = 100
"""Where neither a number nor a time is given."""
MOST_TRIALS: Final = 1000
"""Where only a time is given."""


def tune(
    data: str | Path | None = None,
    *,
    budget: str | None = None,
    trials: int | None = None,
    space: str | Path | Mapping[str, Any] | None = None,
    metric: str = "log-loss",
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    resume: str | Path | None = None,
) -> TuneResult:
    """Search settings on validation answers, then retrain the winner and judge it once.

    Without a strategy heads are searched, by cross-validation on cached features; with
    ``partial``, ``full``, ``scratch`` or phases fine-tuning is, trials that fall behind
    being given up (Hyperband). The default configuration is trial 0; another one replaces
    it only if it is better than chance explains. The test split is not looked at before.

    Sampling is Optuna's tree-structured Parzen estimator (Bergstra et al., 2011). The same
    seed gives the same trials, stopped in between or not.

    Args:
        data: Folder, archive or table of labelled images.
        budget: Time that the search may take, such as ``"30m"``.
        trials: Most trials; 100 if neither is given.
        space: YAML file or mapping of what to search: see ``docs/tune.md``. What the
            configuration sets is otherwise left alone.
        metric: ``"log-loss"``, ``"accuracy"`` or ``"f1"``.
        config: Settings that differ from the defaults.
        out: The search's folder; ``runs/<name>`` if not given. One that was stopped there
            goes on.
        name: Of the search; ``<data>-tune`` if not given.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.
        resume: Folder of a stopped search: go on with its data and settings. Only
            ``budget``, ``trials`` and ``progress`` may be given beside it.

    Raises:
        HeadstartError: Whatever the user can mend; trials that were made are kept.
    """
    started, told = time.monotonic(), progress or Silent()
    if resume is not None:
        _refuse(data=data, space=space, config=config, out=out, name=name, cache=cache)
        folder = Path(resume)
        record = _again(find_search(folder), trials, budget)
        base = build_config(record.config)
    else:
        base, record = _planned(data, config, space, metric, trials, budget, cache)
        folder, record = _placed(record, out, name or f"{_name_of(record.data)}-tune")
    with _working_in(folder, told):
        job = TuneJob(base, record, folder, started=started, progress=told)
        return job.run()


def _planned(
    data: str | Path | None,
    config: TrainConfig | Mapping[str, Any] | None,
    space: str | Path | Mapping[str, Any] | None,
    metric: str,
    trials: int | None,
    budget: str | None,
    cache: str | Path | None,
) -> tuple[TrainConfig, TuneRecord]:
    """Return what is searched from where, everything checked that can be without the data."""
    if data is None:
        raise ConfigError("tune needs data, or resume: tune(PHOTOS), or tune(resume='runs/NAME')")
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    check_head(settings.head)
    check_tuning(settings)
    base = _spelt_out(settings)
    wanted = _space(space, settings)
    check_space(wanted, tuning=wants_tuning(base))
    Candidates(base, wanted)
    record = TuneRecord(
        data=str(Path(data).absolute()),
        cache=str(cache_dir(cache).absolute()),
        config=base.model_dump(mode="json"),
        space={dimension.path: dimension.to_json() for dimension in wanted},
        metric=_metric(metric),
        trials=_count(trials, budget),
        budget_s=_seconds(budget),
    )
    return base, record


def _spelt_out(config: TrainConfig) -> TrainConfig:
    """Return the configuration with its phases, if it has any, written out."""
    if not wants_tuning(config):
        return config
    written = spelt_out(config)
    if not written.training.phases:
        raise ConfigError(
            "the strategy auto makes its own plan, which cannot be searched: choose "
            "--strategy partial, full or scratch, or give phases; without one, heads are searched"
        )
    return written


def _space(space: str | Path | Mapping[str, Any] | None, config: TrainConfig) -> Space:
    if space is None:
        found = default_space(config, tuning=wants_tuning(config))
        if not found:
            raise ConfigError("the settings leave nothing to search: set fewer, or give a space")
        return found
    if isinstance(space, Mapping):
        return parse_space(space)
    return read_space(Path(space))


def _metric(name: str) -> Metric:
    for known in METRIC_NAMES:
        if known == name:
            return known  # type: ignore[return-value]
    raise ConfigError(f"metric {name!r} is unknown: expected {', '.join(METRIC_NAMES)}")


def _count(trials: int | None, budget: str | None) -> int:
    if trials is None:
        return TRIALS if budget is None else MOST_TRIALS
    if trials < 1:
        raise ConfigError(f"{trials} trials are none: give 1 or more")
    return trials


def _seconds(budget: str | None) -> float | None:
    try:
        return None if budget is None else seconds(budget)
    except ValueError as error:
        raise ConfigError(f"budget: {error}") from None


def _again(record: TuneRecord, trials: int | None, budget: str | None) -> TuneRecord:
    changes: dict[str, Any] = {}
    if trials is not None:
        changes["trials"] = _count(trials, budget)
    if budget is not None:
        changes["budget_s"] = _seconds(budget)
    return record.model_copy(update=changes)


def _placed(record: TuneRecord, out: str | Path | None, name: str) -> tuple[Path, TuneRecord]:
    """Return the search's folder: that of a stopped one that would have the same trials."""
    wished = Path(out) if out else Path("runs") / name
    for folder in [wished] if out else _numbered(wished):
        found = TuneRecord.read(folder)
        if found and found.same_search(record) and not (folder / RESULT).exists():
            known = found.model_dump(include={"geometry", "reason", "data_digest"})
            return folder, record.model_copy(update=known)
    if out and (found := TuneRecord.read(wished)) and not (wished / RESULT).exists():
        raise ConfigError(
            f"{wished} holds a stopped search with other settings: 'headstart tune --resume "
            f"{wished}' goes on with it; choose another --out for this one"
        )
    if out:
        refuse_existing(wished)
    return free_name(wished.parent, wished.name) if not out else wished, record


def _numbered(wished: Path) -> Iterator[Path]:
    """Yield the folders that a search of this name may be in."""
    if wished.parent.is_dir():
        yield from sorted(wished.parent.glob(f"{wished.name}*"))


@contextmanager
def _working_in(folder: Path, progress: Progress) -> Iterator[None]:
    """Keep other processes out, and say how to go on should this one be stopped."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    if not lock.take():
        raise ConfigError(
            f"{folder} is being worked in by another process: wait for it, or stop it first"
        )
    try:
        yield
    except BaseException:
        if TuneRecord.read(folder) is not None:
            progress.say(f"all trials are kept; to go on: headstart tune --resume {folder}")
        elif not any(folder.iterdir()):
            folder.rmdir()
        raise
    finally:
        lock.release()


def _refuse(**given: object) -> None:
    named = ", ".join(key for key, value in given.items() if value is not None)
    if named:
        raise ConfigError(
            f"resume goes on with the search's own data and settings: leave out {named}"
        )


def _name_of(data: str) -> str:
    return Path(data).name.split(".")[0] or "run"
