"""The history of a run is read as it was written, its chosen epochs as training chose them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from headstart.config.augmentation import AugmentationConfig
from headstart.config.training import EarlyStoppingConfig, OptimiserConfig, PhaseConfig
from headstart.errors import DataError
from headstart.training.loop import EpochRecord
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.contest import hold_against, words_of
from headstart.workflows.report_history import KEPT, read_history
from headstart.workflows.run_events import EpochLog

COUNTS = {"train": 100, "val": 20, "test": 20}


def record(phase: int, epoch: int, val_loss: float) -> EpochRecord:
    return EpochRecord(phase, epoch, 0.5, 0.8, val_loss, 0.7, 1e-3, 3.0, 30.0)


RECORDS = (record(1, 1, 0.9), record(1, 2, 0.5), record(1, 3, 0.6), record(2, 1, 0.4))
STOPPING = EarlyStoppingConfig(monitor="val_loss", patience=3)


def write(folder: Path, *phases: PhaseConfig, **plan: object) -> None:
    EpochLog(folder)([asdict(record) for record in RECORDS])
    TuningPlan(phases=phases, **plan).write(folder)  # type: ignore[arg-type]


def test_there_is_none_where_nothing_was_fine_tuned(tmp_path: Path) -> None:
    assert read_history(tmp_path, images=COUNTS, notes=()) is None


def test_figures_come_back_as_they_were(tmp_path: Path) -> None:
    write(tmp_path)
    found = read_history(tmp_path, images=COUNTS, notes=())
    assert found is not None
    assert [epoch.val_loss for epoch in found.epochs] == [0.9, 0.5, 0.6, 0.4]
    assert (found.train_images, found.val_images, found.kept) == (100, 20, False)


@pytest.mark.parametrize(
    ("stopping", "chosen"),
    [
        (None, [(1, 3), (2, 1)]),
        (STOPPING, [(1, 2), (2, 1)]),
        (STOPPING.model_copy(update={"restore_best": False}), [(1, 3), (2, 1)]),
    ],
)
def test_the_chosen_epoch_is_the_one_that_training_went_back_to(
    tmp_path: Path, stopping: EarlyStoppingConfig | None, chosen: list[tuple[int, int]]
) -> None:
    write(tmp_path, PhaseConfig(epochs=5, early_stopping=stopping), PhaseConfig(epochs=1))
    found = read_history(tmp_path, images=COUNTS, notes=())
    assert found is not None
    assert [(e.phase, e.epoch) for e in found.epochs if e.chosen] == chosen


def test_phases_and_what_made_training_harder_are_said(tmp_path: Path) -> None:
    head = PhaseConfig(train="head", epochs=3, optimiser=OptimiserConfig(learning_rate=0.01))
    write(
        tmp_path,
        head,
        PhaseConfig(epochs=4, mixup=0.2),
        augmentation=AugmentationConfig(horizontal_flip=True),
    )
    found = read_history(tmp_path, images=COUNTS, notes=())
    assert found is not None
    assert found.shown_as == ("augmentation", "mixup")
    assert found.phases[0].startswith("trained: head; 3 epochs of batches of 32, adamw at 0.01")
    assert "1 of 4 epochs" in found.phases[1]


def test_a_run_of_another_version_keeps_its_curves(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "plan.json").write_text('{"phases": [{"unheard": 1}]}')
    found = read_history(tmp_path, images=COUNTS, notes=())
    assert found is not None
    assert len(found.epochs) == 4
    (tmp_path / "epochs.csv").write_text("phase,epoch\n1,one\n")
    with pytest.raises(DataError, match=r"epochs\.csv cannot be read"):
        read_history(tmp_path, images=COUNTS, notes=())


@pytest.mark.parametrize("from_scratch", [False, True])
def test_a_kept_network_is_told_by_its_note(from_scratch: bool) -> None:
    targets = np.arange(60) % 2
    good, bad = 4.0 * np.eye(2)[targets], 4.0 * np.eye(2)[1 - targets]
    won = hold_against(good, bad, targets, from_scratch=from_scratch)
    assert words_of(won).startswith(KEPT)
    assert not words_of(hold_against(bad, good, targets)).startswith(KEPT)
