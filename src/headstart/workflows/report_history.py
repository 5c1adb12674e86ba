"""A run's fine-tuning, from ``epochs.csv`` and ``plan.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import ValidationError

from headstart.config.augmentation import AugmentationConfig
from headstart.config.training import PhaseConfig
from headstart.errors import DataError
from headstart.reporting import Epoch, TrainingHistory
from headstart.training.early_stopping import EarlyStopping

KEPT: Final = ("the fine-tuned network is kept", "the trained network is kept")
"""How the note of a run begins whose fine-tuned network won."""


@dataclass(frozen=True)
class _Plan:
    phases: tuple[PhaseConfig, ...] = ()
    augmented: bool = False


def read_history(
    folder: Path, *, images: Mapping[str, int], notes: Sequence[str]
) -> TrainingHistory | None:
    """Return what each epoch of a run's fine-tuning brought; ``None`` where there was none.

    Args:
        folder: The run's.
        images: Split -> number of images.
        notes: What the run found worth saying.

    Raises:
        DataError: ``epochs.csv`` is damaged.
    """
    epochs = _read_epochs(folder / "epochs.csv")
    if not epochs:
        return None
    plan = _read_plan(folder / "plan.json")
    return TrainingHistory(
        epochs=_with_choices(epochs, plan.phases),
        phases=tuple(_words(phase, n, epochs) for n, phase in enumerate(plan.phases, 1)),
        train_images=images.get("train", 0),
        val_images=images.get("val", 0),
        kept=any(note.startswith(KEPT) for note in notes),
        shown_as=_shown_as(plan),
    )


def _read_epochs(path: Path) -> list[Epoch]:
    if not path.is_file():
        return []
    names = [field.name for field in fields(Epoch) if field.name != "chosen"]
    try:
        table = pl.read_csv(path, infer_schema=False)
        rows = list(table.select(names).iter_rows(named=True))
        return [_epoch(row) for row in rows]
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _epoch(row: Mapping[str, str]) -> Epoch:
    figures = {name: float(value) for name, value in row.items()}
    return Epoch(
        phase=int(figures.pop("phase")), epoch=int(figures.pop("epoch")), **figures, chosen=False
    )


def _read_plan(path: Path) -> _Plan:
    """Return a run's phases; none where they were not written down, or by another version."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        phases = tuple(PhaseConfig.model_validate(phase) for phase in found["phases"])
        wanted = AugmentationConfig.model_validate(found["augmentation"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return _Plan()
    return _Plan(phases, wanted != AugmentationConfig())


def _with_choices(epochs: Sequence[Epoch], phases: Sequence[PhaseConfig]) -> tuple[Epoch, ...]:
    """Mark the epoch whose weights each phase ended in, by the rule that training goes by."""
    chosen = set()
    for number in sorted({epoch.phase for epoch in epochs}):
        mine = [epoch for epoch in epochs if epoch.phase == number]
        phase = phases[number - 1] if number <= len(phases) else PhaseConfig()
        chosen.add((number, _chosen(mine, phase)))
    return tuple(replace(e, chosen=(e.phase, e.epoch) in chosen) for e in epochs)


def _chosen(epochs: Sequence[Epoch], phase: PhaseConfig) -> int:
    settings = phase.early_stopping
    if settings is None or not settings.restore_best:
        return epochs[-1].epoch
    stopping = EarlyStopping(settings)
    for epoch in epochs:
        stopping.update(epoch.epoch, vars(epoch))
    return stopping.best_epoch or epochs[-1].epoch


def _words(phase: PhaseConfig, number: int, epochs: Sequence[Epoch]) -> str:
    done = sum(epoch.phase == number for epoch in epochs)
    length = f"{done} of {phase.epochs}" if done != phase.epochs else f"{done}"
    unit = "epoch" if phase.epochs == 1 else "epochs"
    optimiser = phase.optimiser
    return (
        f"trained: {phase.train}; {length} {unit} of batches of "
        f"{phase.batch_size}, {optimiser.name} at {optimiser.learning_rate:g}, "
        f"{phase.schedule.name} schedule, batch norms {_NORMS[phase.batch_norm]}"
    )


_NORMS: Final = {"frozen": "frozen", "train": "trained"}


def _shown_as(plan: _Plan) -> tuple[str, ...]:
    phases = plan.phases
    asked = {
        "augmentation": plan.augmented,
        "mixup": any(phase.mixup for phase in phases),
        "cutmix": any(phase.cutmix for phase in phases),
        "smoothed labels": any(phase.loss.label_smoothing for phase in phases),
        "dropout": any(phase.dropout for phase in phases),
    }
    return tuple(name for name, there in asked.items() if there)
