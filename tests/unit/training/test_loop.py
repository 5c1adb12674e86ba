"""The loop: it learns, judges what it should, and goes on after a kill as if nothing was."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from headstart.config.training import PhaseConfig
from headstart.errors import TrainingError
from headstart.progress import Silent
from headstart.training import checkpoints as checkpoints_module
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples, Feed
from headstart.training.checkpoints import Checkpoints
from headstart.training.loop import EpochRecord, PhasePlan, Trainer
from headstart.training.pixels import PixelTable

CLASSES = 3


class Killed(BaseException):
    """What a kill looks like from within: nothing catches it."""


class Net(nn.Module):
    """Small, with all that makes resuming hard: dropout, batch norm, integer pixels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.layers = nn.Sequential(
            nn.Linear(48, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels.flatten(1).float() / 255)


def examples(count: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, CLASSES, count)
    pixels = rng.integers(0, 120, (count, 4, 4, 3)) + 60 * targets[:, None, None, None] % 250
    return Examples(PixelTable(pixels.astype(np.uint8)), targets)


def noisy(pixels: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    return pixels ^ torch.randint(0, 8, pixels.shape, generator=draws, dtype=torch.uint8)


def trainer(folder: Path, *phases: dict[str, Any], checkpoint_s: float = 1e9) -> Trainer:
    network = Net()

    def groups() -> list[dict[str, Any]]:
        return [{"params": list(network.parameters())}]

    return Trainer(
        network,
        Feed(examples(45, 0), CLASSES, noisy, seed=3, device=torch.device("cpu")),
        examples(30, 1),
        [PhasePlan(PhaseConfig(**phase), network.train, groups) for phase in phases],
        arithmetic=Arithmetic("f32"),
        checkpoints=Checkpoints(folder),
        checkpoint_s=checkpoint_s,
        progress=Silent(),
    )


def weights(done: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in done._network.state_dict().items()}


ADAM = {"name": "adamw", "learning_rate": 0.01}
PLAIN: dict[str, Any] = {"epochs": 6, "batch_size": 8, "optimiser": ADAM}
RICH: tuple[dict[str, Any], ...] = (
    {
        "epochs": 2,
        "batch_size": 8,
        "optimiser": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
        "schedule": {"name": "one-cycle"},
        "mixup": 0.2,
        "ema": 0.9,
        "sampling": "balanced",
    },
    {
        "epochs": 3,
        "batch_size": 16,
        "optimiser": {**ADAM, "name": "nadam"},
        "schedule": {"name": "plateau", "patience": 1},
        "early_stopping": {"monitor": "val_loss", "patience": 2},
        "clip_norm": 1.0,
        "loss": {"label_smoothing": 0.1},
    },
)


def test_it_learns(tmp_path: Path) -> None:
    history = trainer(tmp_path, PLAIN).run()
    assert [(record.phase, record.epoch) for record in history] == [(1, n) for n in range(1, 7)]
    assert history[-1].val_loss < 0.6 * history[0].val_loss
    assert history[-1].val_accuracy > 0.7


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    trainer(tmp_path, PLAIN, checkpoint_s=0).run()
    assert len(list(tmp_path.glob("step-*.safetensors"))) == 2


def test_the_best_epoch_comes_back(tmp_path: Path) -> None:
    phase = {
        **PLAIN,
        "optimiser": {"name": "sgd", "learning_rate": 3.0},
        "early_stopping": {"monitor": "val_loss", "patience": 3},
    }
    done = trainer(tmp_path, phase)
    history = done.run()
    assert done.evaluate()[0] == pytest.approx(min(record.val_loss for record in history))


def test_the_moving_average_is_what_is_judged_and_kept(tmp_path: Path) -> None:
    done = trainer(tmp_path, {**PLAIN, "ema": 0.99})
    history = done.run()
    assert done.evaluate()[0] == pytest.approx(history[-1].val_loss)


def test_a_loss_that_explodes_stops_and_names_the_checkpoint(tmp_path: Path) -> None:
    phase = {**PLAIN, "epochs": 30, "optimiser": {"name": "sgd", "learning_rate": 1e18}}
    first = {**PLAIN, "epochs": 1}
    with pytest.raises(TrainingError, match=r"step-\d+\.safetensors.*lower the learning rate"):
        trainer(tmp_path, first, phase).run()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[dict[str, torch.Tensor], tuple[EpochRecord, ...]]:
    done = trainer(tmp_path_factory.mktemp("whole"), *RICH)
    history = done.run()
    return weights(done), history


def figures(history: tuple[EpochRecord, ...]) -> list[tuple[float, ...]]:
    return [(r.phase, r.epoch, r.loss, r.accuracy, r.val_loss, r.learning_rate) for r in history]


@settings(max_examples=15)
@given(kills=st.lists(st.integers(1, 14), min_size=1, max_size=3), inside_save=st.booleans())
def test_killed_anywhere_it_ends_with_the_same_bits(
    tmp_path_factory, uninterrupted, kills: list[int], inside_save: bool
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    for after in kills:
        with pytest.MonkeyPatch.context() as patch:
            _kill_after(patch, after, inside_save=inside_save)
            try:
                trainer(folder, *RICH, checkpoint_s=0).run()
            except Killed:
                continue
    done = trainer(folder, *RICH, checkpoint_s=0)
    history = done.run()
    expected, expected_history = uninterrupted
    assert all(torch.equal(weights(done)[name], expected[name]) for name in expected)
    assert figures(history) == figures(expected_history)


def _kill_after(patch: pytest.MonkeyPatch, count: int, *, inside_save: bool) -> None:
    calls = itertools.count(1)
    if inside_save:
        real = checkpoints_module.write_bytes

        def write(path: Path, content: bytes) -> None:
            if next(calls) == count:
                path.with_name(f".{path.name}.tmp").write_bytes(content[: len(content) // 2])
                raise Killed
            real(path, content)

        patch.setattr(checkpoints_module, "write_bytes", write)
        return
    forward = Net.forward

    def step(self: Net, pixels: torch.Tensor) -> torch.Tensor:
        if self.training and next(calls) == count:
            raise Killed
        return forward(self, pixels)

    patch.setattr(Net, "forward", step)


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, uninterrupted) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _kill_after(patch, 9, inside_save=False)
        with pytest.raises(Killed):
            trainer(tmp_path, *RICH, checkpoint_s=0).run()
    last = max(tmp_path.glob("step-*.safetensors"))
    last.write_bytes(last.read_bytes()[:100])
    done = trainer(tmp_path, *RICH, checkpoint_s=0)
    done.run()
    assert all(torch.equal(weights(done)[n], t) for n, t in uninterrupted[0].items())


def test_a_phase_that_stopped_early_stays_stopped_wherever_it_is_killed(tmp_path: Path) -> None:
    worse = {
        **PLAIN,
        "optimiser": {"name": "sgd", "learning_rate": 3.0},
        "early_stopping": {"monitor": "val_loss", "patience": 1},
    }
    phases = (worse, {**PLAIN, "epochs": 1})
    whole = trainer(tmp_path / "whole", *phases)
    expected = figures(whole.run())
    assert len(expected) < PLAIN["epochs"], "it was to stop early"
    for count in itertools.count(1):
        folder = tmp_path / str(count)
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            _kill_after(patch, count, inside_save=True)
            try:
                trainer(folder, *phases).run()
            except Killed:
                pass
            else:
                break
        done = trainer(folder, *phases)
        assert figures(done.run()) == expected
        assert all(torch.equal(weights(done)[n], t) for n, t in weights(whole).items())
    assert count > len(expected)


class Listening(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, words: str) -> None:
        self.said.append(words)


def test_every_epoch_says_how_it_goes_and_how_long_it_will_take(tmp_path: Path) -> None:
    given = trainer(tmp_path, {**PLAIN, "epochs": 2})
    given._progress = heard = Listening()
    given.run()
    first, last = (words for words in heard.said if "epoch" in words)
    for words in ("epoch 1/2", "loss", "accuracy", "learning rate 1.0e-02", "images/s", "left in"):
        assert words in first
    assert "left in" not in last


def test_a_finished_run_is_not_trained_again(tmp_path: Path, uninterrupted) -> None:
    trainer(tmp_path, *RICH).run()
    again = trainer(tmp_path, *RICH)
    again.run()
    assert all(torch.equal(weights(again)[n], t) for n, t in uninterrupted[0].items())


def test_the_start_is_a_checkpoint_too(tmp_path: Path) -> None:
    wild = {**PLAIN, "optimiser": {"name": "sgd", "learning_rate": 1e38}}
    with pytest.raises(TrainingError, match=r"last good checkpoint is .*step-000000000"):
        trainer(tmp_path, wild).run()
    saved = Checkpoints(tmp_path).latest()
    assert saved is not None
    start = Net().state_dict()
    assert all(torch.equal(saved.tensors[f"model.{name}"], start[name]) for name in start)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path) -> None:
    wild = {**PLAIN, "optimiser": {"name": "sgd", "learning_rate": 1e38}}
    with pytest.raises(TrainingError):
        trainer(tmp_path, wild, checkpoint_s=0).run()
    saved = Checkpoints(tmp_path).latest()
    assert saved is not None
    assert all(bool(tensor.isfinite().all()) for tensor in saved.tensors.values())


def test_every_epoch_is_shown_and_may_end_the_training(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def listen(history: Sequence[dict[str, Any]]) -> None:
        seen.append(history[-1])
        if len(history) == 3:
            raise Killed

    given = trainer(tmp_path, {"epochs": 2}, {"epochs": 2})
    given._listen = listen
    with pytest.raises(Killed):
        given.run()
    assert [(epoch["phase"], epoch["epoch"]) for epoch in seen] == [(1, 1), (1, 2), (2, 1)]
