"""Whose a benchmark's folder is, and what of it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.config.grids import build_grids
from headstart.errors import ConfigError
from headstart.workflows.benchmark_folder import benchmark_folder, find_made
from headstart.workflows.benchmark_plan import name_data, plan_runs
from headstart.workflows.resume_record import ResumeRecord

DATA = name_data(["photos"])
RUNS = plan_runs(build_grids({"heads": ["linear"], "strategies": ["full"]}))


def stopped(folder: Path, **config: object) -> Path:
    """A run of that name that was stopped while it fine-tuned."""
    partial = folder / "photos" / f".{RUNS[0].name}.partial-7"
    partial.mkdir(parents=True)
    ResumeRecord(
        data=str(Path("photos").absolute()),
        source="photos",
        cache="/cache",
        config={**RUNS[0].config.model_dump(mode="json"), **config},
        geometry="squash",
        reason="",
        images=3,
        data_digest="0",
        weights_sha256="1",
        threads=1,
        machine={},
    ).write(partial)
    return partial


def test_a_stopped_run_is_found_where_it_can_go_on(tmp_path: Path) -> None:
    partial = stopped(tmp_path)
    made = find_made(tmp_path, DATA[0], RUNS)[RUNS[0].name]
    assert (made.is_finished, made.partial) == (False, partial)
    assert made.target == tmp_path / "photos" / RUNS[0].name


def test_one_of_other_settings_is_refused(tmp_path: Path) -> None:
    stopped(tmp_path, seed=5)
    with pytest.raises(ConfigError, match="seed was 5, is 0"):
        find_made(tmp_path, DATA[0], RUNS)


def test_how_it_is_computed_may_change(tmp_path: Path) -> None:
    stopped(
        tmp_path, engine={"threads": 1}, backbone={"name": "efficientnet_lite0", "offline": True}
    )
    assert find_made(tmp_path, DATA[0], RUNS)[RUNS[0].name].partial is not None


def test_nobody_else_works_in_it_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    with (
        benchmark_folder(folder, DATA, RUNS),
        pytest.raises(ConfigError, match="another process works in"),
        benchmark_folder(folder, DATA, RUNS),
    ):
        pass
    with benchmark_folder(folder, DATA, RUNS) as notes:
        assert notes == ()
