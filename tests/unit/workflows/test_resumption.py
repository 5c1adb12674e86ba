from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.config.training import OptimiserConfig, PhaseConfig
from headstart.errors import ConfigError, TrainingError
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.resume_record import ResumeRecord
from headstart.workflows.resumption import (
    find_resumable,
    how_to_go_on,
    resumable,
    resume_command,
    slow_down,
)

RECORD = ResumeRecord(
    data="/photos",
    source="photos",
    cache="/cache",
    config={},
    geometry="squash",
    reason="as configured",
    images=3,
    data_digest="0" * 32,
    weights_sha256="1" * 64,
    threads=1,
    machine={},
)


def left(folder: Path, *, at: float | None = None) -> Path:
    folder.mkdir(parents=True)
    RECORD.write(folder)
    if at is not None:
        os.utime(folder / "resume.json", (at, at))
    return folder


def test_it_is_found_by_the_name_that_the_run_would_have_had(tmp_path: Path) -> None:
    partial = left(tmp_path / ".waste.partial-12")
    left(tmp_path / ".waste-2.partial-13")
    assert find_resumable(tmp_path / "waste") == partial
    assert find_resumable(partial) == partial


def test_of_several_the_newest(tmp_path: Path) -> None:
    for number, at in ((1, 1000), (2, 3000), (3, 2000)):
        left(tmp_path / f".waste.partial-{number}", at=at)
    assert find_resumable(tmp_path / "waste").name == ".waste.partial-2"
    assert [path.name[-1] for path in resumable(tmp_path / "waste")] == ["1", "3", "2"]


def test_a_later_checkpoint_counts_too(tmp_path: Path) -> None:
    older = left(tmp_path / ".waste.partial-1", at=1000)
    left(tmp_path / ".waste.partial-2", at=2000)
    (older / "checkpoints").mkdir()
    assert find_resumable(tmp_path / "waste") == older


def test_none_says_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    left(tmp_path / ".wool.partial-1")
    with pytest.raises(ConfigError) as caught:
        find_resumable(tmp_path / "waste")
    assert f"{tmp_path / '.waste.partial-*'}" in str(caught.value)
    assert f"unfinished there: {tmp_path / 'wool'}" in str(caught.value)


def test_a_folder_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no unfinished run"):
        find_resumable(tmp_path / "runs" / "waste")


def test_stopped_too_early(tmp_path: Path) -> None:
    (tmp_path / ".waste.partial-1").mkdir()
    with pytest.raises(ConfigError, match=r"before fine-tuning began.*train again"):
        find_resumable(tmp_path / "waste")


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    partial = left(tmp_path / ".waste.partial-1")
    (partial / "resume.json").write_text('{"schema_version": 1')
    with pytest.raises(ConfigError, match=r"no sound resume\.json"):
        find_resumable(partial)


def test_a_finished_run_says_so_and_ends_its_cleaning(tmp_path: Path) -> None:
    finished = left(tmp_path / "waste")
    (finished / "metrics.json").write_text("{}")
    (finished / "checkpoints").mkdir()
    partial = left(tmp_path / ".waste.partial-1")
    with pytest.raises(ConfigError, match=rf"is finished.*{partial.name}"):
        find_resumable(finished)
    assert [path.name for path in finished.iterdir()] == ["metrics.json"]


def test_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no run"):
        find_resumable(tmp_path)


def test_the_command_names_what_can_be_found(tmp_path: Path) -> None:
    partial = left(tmp_path / ".waste.partial-1")
    assert resume_command(partial).endswith(f"--resume {tmp_path / 'waste'}")
    (tmp_path / "waste").mkdir()
    assert resume_command(partial).endswith(f"--resume {partial}")
    assert "--lr-factor 0.1" in how_to_go_on(partial, TrainingError())
    assert "--lr-factor" not in how_to_go_on(partial, KeyboardInterrupt())


def test_slowing_down_changes_the_learning_rates_and_says_from_where(tmp_path: Path) -> None:
    phase = PhaseConfig(optimiser=OptimiserConfig(learning_rate=0.5))
    TuningPlan(phases=(phase, phase), reasons=("because",)).write(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-000000120.safetensors").touch()
    note = slow_down(tmp_path, 0.1)
    plan = TuningPlan.read(tmp_path)
    assert plan is not None
    assert note == "learning rates times 0.1 from step 120 on, by --lr-factor"
    assert plan.reasons == ("because", note)
    assert [p.optimiser.learning_rate for p in plan.phases] == pytest.approx([0.05, 0.05])


def test_slowing_down_needs_a_plan_and_a_factor(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no plan yet"):
        slow_down(tmp_path, 0.1)
    with pytest.raises(ConfigError, match="above 0"):
        slow_down(tmp_path, 0)
