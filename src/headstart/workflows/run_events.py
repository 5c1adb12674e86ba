"""What a run tells TensorBoard: epochs while it fine-tunes, figures and settings at its end.

``tensorboard/train`` and ``tensorboard/validation`` hold the same tags, so that TensorBoard
draws the two curves into one picture; ``tensorboard`` itself holds all else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from headstart.config import TrainConfig
from headstart.files import write_csv
from headstart.workflows.event_file import EventFile, Setting

if TYPE_CHECKING:
    from headstart.evaluation import Judgement
    from headstart.workflows.recording import RunRecord

FOLDER: Final = "tensorboard"
EPOCHS: Final = "epochs.csv"
_ALWAYS: Final = ("backbone.name", "head.name", "head.taps", "training.strategy", "seed")


class EpochLog:
    """Writes epochs as they end: ``epochs.csv`` and event files.

    A run that goes on after a stop begins both anew from its whole history, so no step is
    there twice.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, EventFile] = {}
        self._written = 0

    def __call__(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write what the history has beyond what is written.

        Args:
            history: Every epoch up to now, each with the fields of
                :class:`~headstart.training.loop.EpochRecord`, in their order.

        Raises:
            StorageError: The disk is full or refuses.
        """
        for number, record in enumerate(history[self._written :], start=self._written + 1):
            self._write(record, number)
        self._written = len(history)
        if history:
            rows = (list(it.values()) for it in history)
            write_csv(self._folder / EPOCHS, list(history[0]), rows)

    def _write(self, record: Mapping[str, Any], number: int) -> None:
        shared = ("phase", "learning_rate", "images_per_s")
        trained = {name: record[name] for name in ("loss", "accuracy", *shared)}
        judged = {name: record[f"val_{name}"] for name in ("loss", "accuracy")}
        self._file("train").scalars(trained, step=number)
        self._file("validation").scalars(judged, step=number)

    def _file(self, name: str) -> EventFile:
        if name not in self._files:
            self._files[name] = EventFile(self._folder / FOLDER / name)
        return self._files[name]


def write_run_events(folder: Path, record: RunRecord) -> None:
    """Write a finished run's figures, its search for a head, its settings and notes.

    Args:
        folder: The run's.
        record: Its results.

    Raises:
        StorageError: The disk is full or refuses.
    """
    file = EventFile(folder / FOLDER)
    file.hparams(told_settings(record.config))
    for step, tried in enumerate(record.fit.candidates):
        figures = {"accuracy": tried.accuracy, "log_loss": tried.nll}
        file.scalars({f"head_search/{name}": it for name, it in figures.items()}, step=step)
    file.scalars(
        {**_figures("test", record.test), **_figures("validation", record.judged.validation)}
    )
    settings = yaml.safe_dump(record.config.model_dump(mode="json"), sort_keys=False)
    file.text("config", f"```yaml\n{settings}```")
    file.text("notes", "\n".join(f"- {note}" for note in record.notes))


def told_settings(config: TrainConfig) -> dict[str, Setting]:
    """Return the settings worth a column beside other runs: the main ones, and changed ones."""
    every = dict(flat_settings(config.model_dump(mode="json")))
    changed = dict(flat_settings(config.model_dump(mode="json", exclude_defaults=True)))
    chosen = {key: every[key] for key in _ALWAYS} | changed
    return {key: it if isinstance(it, str | int | float) else str(it) for key, it in chosen.items()}


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested settings as dotted keys with their values, in the order given.

    >>> flat_settings({"head": {"name": "knn"}, "seed": 1})
    [('head.name', 'knn'), ('seed', 1)]
    """
    rows: list[tuple[str, Any]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            rows.extend(flat_settings(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", value))
    return rows


def _figures(split: str, judgement: Judgement) -> dict[str, float]:
    """Return figures and the ends of their intervals, by tag."""
    found = {}
    for name, it in judgement.metrics.items():
        found[f"{split}/{name}"] = it.value
        found[f"{split}/{name}_low"] = it.low
        found[f"{split}/{name}_high"] = it.high
    return found
