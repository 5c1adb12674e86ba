"""The one training step: it goes down, clips, and scales float16 gradients, resumably."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from torch import nn

from headstart.training.arithmetic import Arithmetic
from headstart.training.losses import soft_targets
from headstart.training.step import TrainingStep

CPU = torch.device("cpu")


def batch(seed: int, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    inputs = scale * torch.randn(8, 6, generator=draws)
    return inputs, soft_targets(torch.arange(8) % 3, 3)


def build(name: str = "f32", clip_norm: float | None = None) -> tuple[nn.Module, TrainingStep]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    step = TrainingStep(
        network,
        optimiser,
        lambda logits, targets: nn.functional.cross_entropy(logits.float(), targets),
        arithmetic=Arithmetic(name),  # type: ignore[arg-type]
        device=CPU,
        clip_norm=clip_norm,
    )
    return network, step


def train(step: TrainingStep, count: int, start: int = 0) -> list[float]:
    losses = []
    for number in range(start, start + count):
        loss, logits = step.gradients(batch(number % 2))
        assert logits.shape == (8, 3)
        step.update()
        losses.append(loss)
    return losses


@pytest.mark.parametrize("name", ["f32", "bf16", "f16"])
def test_it_learns_in_every_arithmetic(name: str) -> None:
    _, step = build(name)
    losses = train(step, 60)
    assert losses[-1] < 0.5 * losses[0]


def test_nothing_moves_before_the_update() -> None:
    network, step = build()
    before = copy.deepcopy(network.state_dict())
    step.gradients(batch(0))
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_long_gradients_are_shortened_after_they_are_scaled_back() -> None:
    for name in ("f32", "f16"):
        network, step = build(name, clip_norm=1e-3)
        step.gradients(batch(0))
        step.update()
        norm = torch.stack([p.grad.norm() for p in network.parameters() if p.grad is not None])
        assert float(norm.norm()) == pytest.approx(1e-3, rel=0.01)


def test_only_float16_has_a_scale_to_keep() -> None:
    assert build("bf16")[1].state_dict() == {}
    assert build("f16")[1].state_dict()["scale"] > 1


def test_gradients_that_overflow_are_skipped_and_the_scale_falls() -> None:
    network, step = build("f16")
    before = copy.deepcopy(network.state_dict())
    scale = step.state_dict()["scale"]
    step.gradients(batch(0, scale=1e4))
    step.update()
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert step.state_dict()["scale"] == scale / 2


def test_float16_goes_on_exactly() -> None:
    whole, step = build("f16")
    step.gradients(batch(0, scale=1e4))
    step.update()
    train(step, 4)
    kept = json.loads(json.dumps(step.state_dict()))
    weights = copy.deepcopy(whole.state_dict())
    optimiser = copy.deepcopy(step._optimiser.state_dict())
    train(step, 4, start=4)

    resumed, again = build("f16")
    resumed.load_state_dict(weights)
    again._optimiser.load_state_dict(optimiser)
    again.load_state_dict(kept)
    train(again, 4, start=4)
    assert again.state_dict() == step.state_dict()
    assert all(torch.equal(t, resumed.state_dict()[n]) for n, t in whole.state_dict().items())
