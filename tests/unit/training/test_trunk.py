"""What lies below the frozen boundary, computed once: the same training, and nothing stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import build_module
from headstart.config.training import PhaseConfig, TrainingConfig
from headstart.heads.linear import LinearHead
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples, Feed
from headstart.training.fine_tuning import FineTuning, TuningTask
from headstart.training.pixels import PixelTable

CLASSES = ("cat", "dog", "owl")
SIZES = {"efficientnet_lite0": 64, "vit_tiny_patch16_224": 64, "nasnet_mobile": 64}


class Told:
    """A listener that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def track(self, items: Any, **_: object) -> Any:
        yield from items

    def wait(self, task: str) -> Any:
        raise NotImplementedError(task)

    def say(self, message: str) -> None:
        self.lines.append(message)

    def about(self, word: str) -> list[str]:
        return [line for line in self.lines if line.startswith(word)]


class Spread:
    """Features of the training images, as far as a head needs them."""

    def __init__(self, rows: int, width: int) -> None:
        self._values = np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)

    def __len__(self) -> int:
        return len(self._values)

    def read(self, rows: Any, columns: Any) -> np.ndarray:
        return self._values[rows][:, columns]


def examples(count: int, size_px: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, len(CLASSES), count)
    pixels = rng.integers(0, 190, (count, size_px, size_px, 3)) + 30 * targets[:, None, None, None]
    return Examples(PixelTable(pixels.astype(np.uint8)), targets)


def job(name: str, told: Told, *, images: int = 8, margin: int = 0, **training: Any) -> FineTuning:
    size_px = SIZES.get(name, 64)
    torch.manual_seed(0)
    backbone = build_module(find_backbone(name), None, size_px=size_px)
    layout = backbone.measure_layout(size_px)
    outputs = layout.outputs_of("all")
    width = len(layout.columns(outputs))
    weight = np.random.default_rng(1).normal(size=(width, len(CLASSES))) / width
    head = LinearHead(
        CLASSES, "all", outputs, weight.astype(np.float32), np.zeros(3, np.float32), 1.0
    )
    task = TuningTask(
        backbone=backbone,
        head=head,
        features=Spread(images, width),  # type: ignore[arg-type]
        columns=np.arange(width),
        train=examples(images, size_px + margin, 0),
        validation=examples(6, size_px, 1),
        size_px=size_px,
        seed=0,
    )
    config = TrainingConfig(**training)
    return FineTuning(task, config, device=torch.device("cpu"), progress=told)


def phase(train: str = "last 2 stages", **settings: Any) -> PhaseConfig:
    optimiser = {"name": "sgd", "learning_rate": 1e-4}
    return PhaseConfig(
        train=train, **{"epochs": 2, "batch_size": 4, "optimiser": optimiser, **settings}
    )


def weights(of: FineTuning) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in of.network.state_dict().items()}


def run(name: str, folder: Path, *phases: PhaseConfig, **how: Any) -> tuple[FineTuning, Told]:
    told = Told()
    arithmetic = Arithmetic(how.pop("arithmetic", "f32"))
    made = job(name, told, **how)
    made.run(phases or [phase()], arithmetic, folder)
    return made, told


def far(a: FineTuning, b: FineTuning, start: FineTuning) -> float:
    """Return how far two trainings ended apart, as a share of the way they went."""
    ends = [torch.cat([t.flatten().double() for t in weights(of).values()]) for of in (a, b, start)]
    return float((ends[0] - ends[1]).norm() / (ends[0] - ends[2]).norm())


@pytest.mark.parametrize(
    ("name", "train"),
    [
        ("efficientnet_lite0", "last 2 stages"),
        ("efficientnet_lite0", "head"),
        ("vit_tiny_patch16_224", "last 2 stages"),
        ("densenet121", "last 1 stages"),
    ],
)
def test_the_weights_are_those_of_the_whole_network(tmp_path: Path, name: str, train: str) -> None:
    whole, _ = run(name, tmp_path / "a", phase(train), trunk_cache_gb=0)
    cached, told = run(name, tmp_path / "b", phase(train))
    start = job(name, Told())
    assert "computed once, 1 view of 8 images" in told.about("trunk")[0]
    assert far(whole, cached, start) < 0.01
    before, after = weights(start), weights(cached)
    frozen = [n for n, p in cached.network.named_parameters() if not p.requires_grad]
    assert len(frozen) > 10
    assert all(torch.equal(before[n], after[n]) for n in frozen)
    assert not (tmp_path / "b" / "trunk").exists()


@pytest.mark.parametrize("arithmetic", ["bf16", "bf16-fast"])
def test_rough_arithmetic_ends_near(tmp_path: Path, arithmetic: str) -> None:
    name = "efficientnet_lite0"
    whole, _ = run(name, tmp_path / "a", arithmetic=arithmetic, trunk_cache_gb=0)
    cached, told = run(name, tmp_path / "b", arithmetic=arithmetic)
    assert told.about("trunk")
    assert far(whole, cached, job(name, Told())) < 0.2


def test_augmented_training_takes_as_many_views_as_it_can_show(tmp_path: Path) -> None:
    flips = {"horizontal_flip": True}
    _, told = run("efficientnet_lite0", tmp_path, phase(epochs=2), augmentation=flips)
    assert "2 views of 8 images" in told.about("trunk")[0]


@pytest.mark.parametrize(
    ("name", "settings", "limit_gb", "why"),
    [
        ("nasnet_mobile", {"train": "last 1 stages"}, 1.0, "looks below"),
        ("efficientnet_lite0", {"mixup": 0.2}, 1.0, "mix pixels"),
        ("efficientnet_lite0", {}, 1e-7, "GB of activations, and training.trunk_cache_gb is 1e-07"),
    ],
)
def test_where_it_cannot_be_kept_training_says_so_and_goes_on(
    tmp_path: Path, name: str, settings: Any, limit_gb: float, why: str
) -> None:
    made, told = run(name, tmp_path, phase(epochs=1, **settings), trunk_cache_gb=limit_gb)
    assert why in told.about("trunk")[0]
    before, after = weights(job(name, Told())), weights(made)
    assert any(not torch.equal(tensor, after[name]) for name, tensor in before.items())


class Killed(BaseException):
    """What a kill looks like from within."""


@pytest.mark.parametrize("lost", [False, True])
def test_a_resumed_run_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    phases = [phase(epochs=2, dropout=0.2), phase("last 1 stages", epochs=2, dropout=0.2)]
    how: dict[str, Any] = {"augmentation": {"horizontal_flip": True}}
    whole, _ = run("efficientnet_lite0", tmp_path / "whole", *phases, **how)
    steps = iter(range(7))
    with monkeypatch.context() as patch:
        update = Feed._make

        def until(*arguments: Any) -> Any:
            if next(steps, None) is None:
                raise Killed
            return update(*arguments)

        patch.setattr(Feed, "_make", until)
        with pytest.raises(Killed):
            run("efficientnet_lite0", tmp_path / "run", *phases, **how)
    (kept,) = (tmp_path / "run" / "trunk").iterdir()
    if lost:
        kept.unlink()
    again, told = run("efficientnet_lite0", tmp_path / "run", *phases, **how)
    assert len(told.about("trunk")) == int(lost)
    mine = weights(again)
    assert all(torch.equal(tensor, mine[name]) for name, tensor in weights(whole).items())


def test_later_phases_stand_on_what_earlier_ones_trained(tmp_path: Path) -> None:
    phases = [phase("all", epochs=1), phase("last 1 stages", epochs=1), phase("head", epochs=1)]
    whole, _ = run("resnet18", tmp_path / "a", *phases, trunk_cache_gb=0)
    cached, told = run("resnet18", tmp_path / "b", *phases)
    assert len(told.about("trunk")) == 2
    assert far(whole, cached, job("resnet18", Told())) < 0.01
