"""What becomes of each run of a data set, with training played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.config.grids import build_grids
from headstart.errors import DataError, TrainingError
from headstart.progress import Silent
from headstart.workflows import benchmark_runs
from headstart.workflows.benchmark_folder import Made
from headstart.workflows.benchmark_plan import BenchmarkRun, DataSet, plan_runs
from headstart.workflows.benchmark_runs import DataSetRuns, Outcomes, SayingOnce

RUNS = plan_runs(build_grids({"heads": ["linear", "gap"], "strategies": ["probe", "full"]}))
DATA = DataSet("photos", "photos")


def outcomes_of(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    failing: dict[str, BaseException],
    *,
    images: bool = True,
    partial: str = "",
    resume: Callable[..., Any] | None = None,
) -> Outcomes:
    """Run everything, with these runs failing so."""

    def train_to(target: Path, *_: Any, shared: Any, **__: Any) -> None:
        if images:
            shared.once("images", 0, lambda: 0)
        if target.name in failing:
            raise failing[target.name]

    monkeypatch.setattr(benchmark_runs, "train_to", train_to)
    monkeypatch.setattr(benchmark_runs, "train", resume)
    monkeypatch.setattr(DataSetRuns, "_check_images", lambda *_: None)
    made = {
        run.name: Made(
            tmp_path / run.name,
            is_finished=False,
            partial=tmp_path / ".partial" if run.name == partial else None,
        )
        for run in RUNS
    }
    outcomes = Outcomes()
    DataSetRuns(DATA, made, cache=tmp_path, progress=Silent()).run(RUNS, outcomes)
    return outcomes


def names(runs: list[tuple[BenchmarkRun, Any]]) -> list[str]:
    return [run.name.removeprefix("efficientnet_lite0-") for run, _ in runs]


@pytest.mark.parametrize(
    "error", [TrainingError("the loss is no number"), MemoryError(), DataError("no validation")]
)
def test_what_is_one_runs_own_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException
) -> None:
    outcomes = outcomes_of(monkeypatch, tmp_path, {"efficientnet_lite0-linear-full": error})
    assert names(outcomes.finished) == ["linear", "gap", "gap-full"]
    assert [reason for _, reason in outcomes.failed] == [str(error) or "out of memory"]
    assert outcomes.reason == ""


def test_what_a_head_alone_meets_every_run_would(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    error = DataError("40 of 100 images cannot be read")
    outcomes = outcomes_of(monkeypatch, tmp_path, {"efficientnet_lite0-gap": error})
    assert names(outcomes.finished) == ["linear"]
    assert (outcomes.failed, outcomes.reason) == ([], str(error))


def test_images_that_cannot_be_opened_stop_fine_tuning_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing = {run.name: DataError("nothing there") for run in RUNS}
    outcomes = outcomes_of(monkeypatch, tmp_path, failing, images=False)
    assert (outcomes.finished, outcomes.failed) == ([], [])
    assert outcomes.reason == "nothing there"


def test_a_bug_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        outcomes_of(monkeypatch, tmp_path, {"efficientnet_lite0-linear": ZeroDivisionError()})


def test_a_stopped_fine_tuning_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Path] = []
    outcomes = outcomes_of(
        monkeypatch,
        tmp_path,
        {"efficientnet_lite0-gap-full": AssertionError("begun anew")},
        partial="efficientnet_lite0-gap-full",
        resume=lambda resume, **_: asked.append(resume),
    )
    assert asked == [tmp_path / ".partial"]
    assert len(outcomes.finished) == 4


def test_what_runs_have_in_common_is_said_once() -> None:
    said: list[str] = []

    class Listener(Silent):
        def say(self, message: str) -> None:
            said.append(message)

    listener = SayingOnce(Listener())
    for message in ("squash", "head a", "squash", "head b"):
        listener.say(message)
    assert said == ["squash", "head a", "head b"]
    assert list(listener.track([1, 2], total=2, task="x", unit="y")) == [1, 2]
