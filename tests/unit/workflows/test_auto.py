"""The planner of ``auto``: what trials tell it, and what it leaves to the user."""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import nn

from headstart.config import build_config
from headstart.progress import Silent
from headstart.selection.strategy import Advice
from headstart.training.arithmetic import Arithmetic
from headstart.training.trials import Trial, TrialResult
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows import auto_trials
from headstart.workflows.auto import AutoPlanner
from headstart.workflows.mirroring import MIRRORS, MirrorTest

IMAGES, RATE = 1800, 27.0
TARGETS = np.arange(300) % 2


class Job:
    """Stands for fine-tuning: it is timed, never trained."""

    def choose_arithmetic(self, phases: Any) -> Arithmetic:
        assert phases, "what compiling would have to repay"
        return Arithmetic("f32", RATE)


class Validation:
    """As many images as could tell a better model."""

    targets = TARGETS

    def __len__(self) -> int:
        return len(self.targets)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """What was tried; every trial answers alike, three times as fast as was timed."""
    trials: list[Trial] = []

    def run(trial: Trial, *_: Any, **__: Any) -> TrialResult:
        trials.append(trial)
        return TrialResult(trial, np.eye(2)[TARGETS], 3 * RATE)

    monkeypatch.setattr(auto_trials, "run_trial", run)
    return trials


def decide(
    tmp_path: Path,
    *,
    advice: str = "full",
    seconds: float = 600.0,
    training: Any = MappingProxyType({}),
    **settings: Any,
) -> TuningPlan:
    task: Any = SimpleNamespace(
        train=range(IMAGES), validation=Validation(), backbone=nn.Identity()
    )
    planner = AutoPlanner(
        build_config({**settings, "training": {"strategy": "auto", **training}}),
        folder=tmp_path,
        progress=Silent(),
        deadline=time.monotonic() + seconds + 30,
    )
    job: Any = Job()
    tests = tuple(MirrorTest(mirror, (0.9, 0.9), 0.0, keeps_labels=True) for mirror in MIRRORS)
    said: Any = Advice(advice, "large", "different", "", "", "", (), ())  # type: ignore[arg-type]
    return planner.decide(job, task, advise=lambda: said, mirrors=lambda: tests)


def test_mirrors_that_keep_labels_and_shifts_are_trained_with(tmp_path: Path, tried) -> None:
    plan = decide(tmp_path)
    assert plan.augmentation.horizontal_flip
    assert plan.augmentation.width_shift == 0.07
    assert plan.phases[0].train == "all"


def test_what_the_user_switched_off_stays_off(tmp_path: Path, tried) -> None:
    off = {"horizontal_flip": False, "width_shift": 0, "height_shift": 0}
    plan = decide(tmp_path, training={"augmentation": off})
    assert not plan.augmentation.horizontal_flip
    assert plan.augmentation.vertical_flip
    assert plan.augmentation.width_shift is None
    assert not any("left-right" in reason for reason in plan.reasons)
    assert not tried, "there was nothing to try"


def test_the_rate_of_all_layers_comes_from_trials_of_all_layers(tmp_path: Path, tried) -> None:
    assert decide(tmp_path, seconds=300).phases[0].epochs == 10  # 4 at the rate that was timed


def test_the_rate_of_a_tail_says_nothing_of_all_layers(tmp_path: Path, tried) -> None:
    plan = decide(tmp_path, advice="partial", seconds=400)
    assert tried[-1].phase.train == plan.phases[0].train == "last 2 stages"
    assert plan.phases[0].epochs == 14  # 5.7 epochs of all layers, .88 for the trunk, times 3


def test_classes_weigh_as_they_do_for_the_head(tmp_path: Path, tried) -> None:
    plan = decide(tmp_path, head={"class_weight": "balanced"})
    assert {phase.loss.class_weight for phase in plan.phases} == {"balanced"}
    assert tried[-1].phase.loss.class_weight == "balanced"
