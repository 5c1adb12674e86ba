"""``--track mlflow``: a finished run, logged where a team keeps its runs.

MLflow is an extra. It is only imported to log, after the run is finished on disk, and its
own telemetry is off: nothing is connected to but the place that was named.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from headstart.errors import ConfigError, DataError, MissingDependencyError, TrackingError
from headstart.workflows.run_events import EPOCHS, flat_settings
from headstart.workflows.stored_run import StoredRun, read_run

_EXTRA: Final = "pip install 'headstart[mlflow]'"
_URI: Final = "MLFLOW_TRACKING_URI"
_EXPERIMENT: Final = "MLFLOW_EXPERIMENT_NAME"
_QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""What MLflow's environment is set to, where the user has set nothing."""
_ALLOW_FOLDER: Final = "MLFLOW_ALLOW_FILE_STORE"
_LONGEST: Final = 500
_AT_ONCE: Final = 100
_SPLITS: Final = ("test", "validation")


@dataclass(frozen=True)
class MlflowTracker:
    """Where runs are logged.

    Attributes:
        uri: Of the server, database or folder; ``None``: ``MLFLOW_TRACKING_URI``, or
            MLflow's own default, ``mlflow.db`` in the current folder.
    """

    uri: str | None = None

    @property
    def place(self) -> str:
        """The URI, or what stands in for it."""
        return self.uri or os.environ.get(_URI) or "sqlite:///mlflow.db"

    @property
    def option(self) -> str:
        """What to type after ``--track`` to mean this place."""
        return f"mlflow:{self.uri}" if self.uri else "mlflow"

    def check(self) -> None:
        """Refuse a place that cannot be logged to here, before anything is done.

        Raises:
            MissingDependencyError: MLflow, or what its database needs, is not installed.
        """
        needed = ["mlflow"]
        if self.place.startswith("sqlite:"):
            needed += ["sqlalchemy", "alembic"]
        missing = [name for name in needed if find_spec(name) is None]
        if missing:
            raise MissingDependencyError(
                f"--track {self.option} needs {', '.join(missing)}, not installed here: {_EXTRA}"
            )

    def log(self, folder: Path) -> str:
        """Log a finished run: settings, figures with intervals, epochs, and its folder whole.

        Args:
            folder: What ``headstart train`` or ``headstart evaluate --out`` wrote.

        Returns:
            Where it is, in words.

        Raises:
            DataError: There is no finished run.
            MissingDependencyError: See :meth:`check`.
            TrackingError: The place cannot be reached, or refuses.
        """
        self.check()
        run = read_run(folder)
        for name, value in self._environment().items():
            os.environ.setdefault(name, value)
        try:
            return self._log(run)
        except _failures() as error:
            reason = " ".join(str(error).split())[:_LONGEST]
            raise TrackingError(
                f"{folder} was not logged to MLflow at {self.place}: {reason}. The run itself is "
                f"whole; once the place can be reached: headstart runs track {folder} {self.option}"
            ) from error

    def _environment(self) -> dict[str, str]:
        is_folder = "://" not in self.place or self.place.startswith("file:")
        return {**_QUIET, **({_ALLOW_FOLDER: "true"} if is_folder else {})}

    def _log(self, run: StoredRun) -> str:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=self.place)
        name = os.environ.get(_EXPERIMENT) or Path(run.data).name or "headstart"
        known = client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else client.create_experiment(name)
        end_ms = round(1000 * time.time())
        start_ms = _started_ms(run) or end_ms
        made = client.create_run(experiment, start_time=start_ms, run_name=run.name)
        number = made.info.run_id
        tags = [RunTag(key, value) for key, value in _tags(run).items()]
        client.log_batch(number, tags=tags)
        for params in _portions([Param(key, value) for key, value in _params(run)]):
            client.log_batch(number, params=params)
        figures = [Metric(key, value, end_ms, step) for key, value, step in _metrics(run)]
        for metrics in _portions(figures):
            client.log_batch(number, metrics=metrics)
        client.log_artifacts(number, str(run.folder))
        client.set_terminated(number, "FINISHED")
        return f"logged to MLflow at {self.place}: experiment {name}, run {run.name} ({number})"


def read_tracker(text: str | None) -> MlflowTracker | None:
    """Return where to log runs: ``mlflow``, or ``mlflow:`` and a URI; ``None`` for nowhere.

    Args:
        text: What the user wrote after ``--track``.

    Raises:
        ConfigError: It names no tracker that there is.
        MissingDependencyError: MLflow is not installed.

    >>> read_tracker(None) is None
    True
    """
    if text is None:
        return None
    name, _, uri = text.partition(":")
    if name.strip().lower() != "mlflow":
        raise ConfigError(
            f"--track {text}: expected mlflow, or mlflow:URI such as mlflow:http://host:5000, "
            "mlflow:sqlite:///runs.db or mlflow:folder. TensorBoard needs no option: every run "
            "writes its files"
        )
    tracker = MlflowTracker(uri.strip() or None)
    tracker.check()
    return tracker


def log_folders(tracker: MlflowTracker | None, folders: Sequence[Path | None]) -> Iterator[str]:
    """Log finished runs; yield where each is, or why it was not logged.

    Args:
        tracker: Where; ``None`` for nowhere.
        folders: The runs'; ``None`` for one that failed.
    """
    if tracker is None:
        return
    for folder in folders:
        if folder is not None:
            try:
                yield tracker.log(folder)
            except TrackingError as error:
                yield str(error)


def _failures() -> tuple[type[Exception], ...]:
    """Return what MLflow and what it stands on raise where a place cannot be used."""
    known: list[type[Exception]] = [OSError]
    names = {"mlflow.exceptions": "MlflowException", "sqlalchemy.exc": "SQLAlchemyError"}
    for module, name in names.items():
        if module in sys.modules:
            known.append(getattr(sys.modules[module], name))
    return tuple(known)


def _started_ms(run: StoredRun) -> int | None:
    try:
        ended = datetime.fromisoformat(run.created).timestamp()
    except ValueError:
        return None
    return round(1000 * (ended - (run.seconds or 0.0)))


def _tags(run: StoredRun) -> dict[str, str]:
    facts = {
        "data": run.data,
        "backbone": run.backbone,
        "head": run.head,
        "kept": run.kept,
        "recipe": run.recipe,
        "kind": run.kind,
        "mlflow.note.content": "\n".join(f"- {note}" for note in run.notes),
    }
    return {key: value[:5000] for key, value in facts.items() if value}


def _params(run: StoredRun) -> Iterator[tuple[str, str]]:
    for key, value in flat_settings(run.config):
        yield key, str(value)[:_LONGEST]


def _metrics(run: StoredRun) -> Iterator[tuple[str, float, int]]:
    """Yield every figure with the ends of its interval, the seconds, and the epochs."""
    for split in _SPLITS:
        for name, it in run.figures(split).items():
            ends = {"": it.value, "_low": it.low, "_high": it.high}
            yield from ((f"{split}/{name}{end}", value, 0) for end, value in ends.items())
    if run.seconds is not None:
        yield "seconds", run.seconds, 0
    for step, row in enumerate(_epochs(run.folder), start=1):
        for name, value in row.items():
            if name not in ("epoch", "seconds") and value != "nan":
                yield f"epoch/{name}", float(value), step


def _epochs(folder: Path) -> list[Mapping[str, str]]:
    path = folder / EPOCHS
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _portions(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield list(items[start : start + _AT_ONCE])
