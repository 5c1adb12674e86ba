"""The range test: finds where a network learns, stops at the explosion, leaves no trace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from headstart.config.training import PhaseConfig
from headstart.errors import ConfigError, TrainingError
from headstart.progress import Silent
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples, Feed
from headstart.training.loop import PhasePlan
from headstart.training.lr_finder import RateRange, find_rates, unchanged
from headstart.training.pixels import PixelTable
from headstart.training.rate_curve import RateCurve

CLASSES = 3
WIDE = RateRange(1e-6, 1e3, steps=120)


class Net(nn.Module):
    """With batch norm, dropout, a frozen weight and a buffer that no state dict holds."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.layers = nn.Sequential(
            nn.Linear(48, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )
        self.layers[0].bias.requires_grad_(False)
        self.register_buffer("calls", torch.zeros(1), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.layers(pixels.flatten(1).float() / 255)


class Taught:
    """Everything a range test takes; counts which rows were shown."""

    def __init__(self, **phase: Any) -> None:
        rng = np.random.default_rng(0)
        targets = rng.integers(0, CLASSES, 600)
        pixels = rng.integers(0, 120, (600, 4, 4, 3)) + 60 * targets[:, None, None, None] % 250
        self.network = Net().eval()
        examples = Examples(PixelTable(pixels.astype(np.uint8)), targets)
        self.feed = Feed(examples, CLASSES, None, seed=3, device=torch.device("cpu"))
        settings = {"batch_size": 16, "optimiser": {"name": "adamw"}, **phase}
        self.plan = PhasePlan(PhaseConfig(**settings), self.prepare, self.groups)

    def prepare(self) -> None:
        self.network.train()
        self.network.requires_grad_(True)
        self.network.layers[3].p = 0.0  # type: ignore[assignment]
        self.network.layers[2].forward = nn.functional.relu  # type: ignore[method-assign]

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.network.parameters())}]

    def find(self, wanted: RateRange = WIDE, arithmetic: str = "f32") -> RateCurve:
        return find_rates(
            self.network,
            self.feed,
            self.plan,
            wanted,
            arithmetic=Arithmetic(arithmetic),  # type: ignore[arg-type]
            progress=Silent(),
        )


def state(network: nn.Module) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in (*network.parameters(), *network.buffers())]


def test_a_network_is_left_as_it_was_bit_for_bit() -> None:
    taught = Taught()
    network = taught.network
    before, random = state(network), torch.get_rng_state()
    curve = taught.find()
    assert curve.clear
    assert all(torch.equal(a, b) for a, b in zip(before, state(network), strict=True))
    assert torch.equal(random, torch.get_rng_state())
    assert [p.requires_grad for p in network.parameters()] == [
        name != "layers.0.bias" for name, _ in network.named_parameters()
    ]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module.training for module in network.modules())
    assert network.layers[3].p == 0.3
    assert "forward" not in network.layers[2].__dict__


def test_an_error_leaves_a_network_as_it_was_too() -> None:
    network = Net()
    before = state(network)

    def spoil() -> None:
        with unchanged(network):
            network(torch.zeros(4, 4, 4, 3))
            raise KeyError

    with pytest.raises(KeyError):
        spoil()
    assert all(torch.equal(a, b) for a, b in zip(before, state(network), strict=True))


def test_the_same_twice() -> None:
    taught = Taught()
    first, second = taught.find(), taught.find()
    assert np.array_equal(first.losses, second.losses)


def test_it_stops_at_the_explosion() -> None:
    curve = Taught().find()
    assert curve.diverged
    assert len(curve.rates) == len(curve.losses) < WIDE.steps
    assert np.isfinite(curve.losses).all()
    assert curve.smoothed[-1] > math.log(CLASSES)


def test_a_range_of_harmless_rates_ends_where_it_should() -> None:
    curve = Taught().find(RateRange(1e-6, 1e-4, steps=40))
    assert not curve.diverged
    assert curve.rates[[0, -1]] == pytest.approx([1e-6, 1e-4])


def test_rates_it_suggests_teach_and_much_higher_ones_do_not() -> None:
    found = Taught().find().suggest()
    for _, rate in found.named():
        assert 1e-4 < rate < 1.0


def test_a_start_that_is_too_high_says_so() -> None:
    phase = {"optimiser": {"name": "sgd", "learning_rate": 1.0}}
    with pytest.raises(TrainingError, match=r"exploded after \d steps.*start lower than 1e\+06"):
        Taught(**phase).find(RateRange(1e6, 1e12, steps=60))


def test_every_group_keeps_its_share_of_the_rate() -> None:
    taught = Taught()
    base = taught.plan.config.optimiser.learning_rate
    bias = taught.network.layers[4].bias

    def groups() -> list[dict[str, Any]]:
        rest = [p for p in taught.network.parameters() if p is not bias]
        return [{"params": rest, "lr": 0.0}, {"params": [bias], "lr": 10 * base}]

    taught.plan = PhasePlan(taught.plan.config, taught.prepare, groups)
    assert taught.find(RateRange(1e-6, 1, steps=60)).fall < Taught().find().fall


def test_images_come_again_only_when_all_were_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    taught = Taught()
    shown: list[int] = []
    read = PixelTable.read

    def noted(self: PixelTable, rows: Any) -> torch.Tensor:
        shown.extend(rows.tolist())
        return read(self, rows)

    monkeypatch.setattr(PixelTable, "read", noted)
    taught.find(RateRange(1e-6, 1e-5, steps=50))
    assert sorted(shown[:600]) == list(range(600))
    assert len(shown) == 592 + 8 + 12 * 16


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ((1e-2, 1e-3, 100), "expected a first one above 0"),
        ((0.0, 1e-3, 100), "expected a first one above 0"),
        ((1e-7, 10, 39), r"39 steps are too few.*at least 40 \(5 a decade\)"),
        ((1e-3, 1e-2, 9), "at least 10"),
    ],
)
def test_ranges_that_say_nothing_are_refused(wanted: tuple[float, float, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RateRange(*wanted)


def test_a_small_data_set_is_named_with_its_figures() -> None:
    said = RateRange().shortage(images=640, batch_size=32)
    assert "640 training images make 20 batches of 32" in said
    assert "8 decades need 40" in said
    assert "up to 5 times" in said
    assert "--batch-size 16" in said
    assert "--batch-size" not in RateRange().shortage(images=30, batch_size=32)


def test_a_data_set_that_is_large_enough_is_not() -> None:
    assert RateRange().shortage(images=1280, batch_size=32) == ""
    assert RateRange().shortage(images=1248, batch_size=32) != ""
