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
    backbone: nn.Module | None = None,
    **settings: Any,
) -> TuningPlan:
    task: Any = SimpleNamespace(
        train=range(IMAGES), validation=Validation(), backbone=backbone or nn.Identity()
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


def decide_on_norms(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, shift: float, surer: str = ""
) -> tuple[TuningPlan, list[str]]:
    """Return a plan for a network with batch norms, and the modes that were tried.

    Args:
        monkeypatch: Stands in for trials and for the look at the images.
        folder: Of the run.
        shift: How far the images' variances are from the pretrained ones.
        surer: The mode whose trial answers better.
    """
    modes: list[str] = []

    def run(trial: Trial, *_: Any, **__: Any) -> TrialResult:
        modes.append(trial.phase.batch_norm)
        sure = 6.0 if trial.phase.batch_norm == surer else 1.0
        noise = np.random.default_rng(len(modes)).normal(size=(len(TARGETS), 2))
        return TrialResult(trial, sure * np.eye(2)[TARGETS] + noise, RATE)

    monkeypatch.setattr(auto_trials, "run_trial", run)
    monkeypatch.setattr(auto_trials.TrialRunner, "shift", lambda runner: shift)
    still = {"augmentation": {"width_shift": 0, "height_shift": 0}}
    return decide(folder, training=still, backbone=nn.BatchNorm2d(3)), modes


def test_batch_norms_are_not_tried_on_images_like_the_pretrained_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, tried_modes = decide_on_norms(monkeypatch, tmp_path, shift=0.5, surer="train")
    assert plan.phases[0].batch_norm == "frozen"
    assert not tried_modes
    assert any("variances differ by 0.50" in reason for reason in plan.reasons)


@pytest.mark.parametrize(
    ("surer", "mode"), [("train", "train"), ("frozen", "frozen"), ("", "frozen")]
)
def test_far_images_train_batch_norms_only_if_their_trial_is_surely_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surer: str, mode: str
) -> None:
    plan, tried_modes = decide_on_norms(monkeypatch, tmp_path, shift=1.6, surer=surer)
    assert sorted(tried_modes) == ["frozen", "train"]
    assert plan.phases[0].batch_norm == mode
    rate = {"train": 1e-3, "frozen": 4e-4}[mode]
    assert plan.phases[0].optimiser.learning_rate == rate
