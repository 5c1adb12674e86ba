import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from headstart.config.training import LossConfig
from headstart.training.losses import build_loss, soft_targets

COUNTS = [10, 30, 60]


def batch(seed: int, rows: int = 8, *, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and soft targets of three classes."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 3, generator=random) * scale
    return logits, torch.rand(rows, 3, generator=random).softmax(dim=1)


@given(st.integers(0, 99), st.floats(0, 0.9))
def test_cross_entropy_and_smoothing_are_those_of_torch(seed: int, smoothing: float) -> None:
    logits, targets = batch(seed)
    loss = build_loss(LossConfig(label_smoothing=smoothing), COUNTS)
    torch.testing.assert_close(
        loss(logits, targets), cross_entropy(logits, targets, label_smoothing=smoothing)
    )


@given(st.integers(0, 99))
def test_balanced_weights_are_those_of_torch_on_soft_targets(seed: int) -> None:
    logits, targets = batch(seed)
    weights = torch.tensor([100 / 30, 100 / 90, 100 / 180])
    found = build_loss(LossConfig(class_weight="balanced"), COUNTS)(logits, targets)
    torch.testing.assert_close(found, cross_entropy(logits, targets, weight=weights))


def test_focal_loss_is_that_of_the_paper() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    targets = soft_targets(torch.tensor([0, 0]), 2)
    found = build_loss(LossConfig(focal_gamma=2), [1, 1])(logits, targets)
    probabilities = [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))]
    by_hand = [-((1 - p) ** 2) * math.log(p) for p in probabilities]
    assert found.item() == pytest.approx(sum(by_hand) / 2, rel=1e-5)


@given(st.integers(0, 99), st.floats(0, 0.5), st.sampled_from([0.0, 0.5, 2.0]))
def test_the_loss_of_mixed_targets_is_the_mix_of_their_losses(seed, smoothing, gamma) -> None:
    settings = LossConfig(label_smoothing=smoothing, focal_gamma=gamma, class_weight="balanced")
    loss = build_loss(settings, COUNTS)
    (logits, one), (_, other) = batch(seed), batch(seed + 1)
    mixed = loss(logits, 0.3 * one + 0.7 * other)
    torch.testing.assert_close(mixed, 0.3 * loss(logits, one) + 0.7 * loss(logits, other))


def test_balanced_classes_count_the_same() -> None:
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor(COUNTS))
    logits = torch.zeros(100, 3, requires_grad=True)
    loss = build_loss(LossConfig(class_weight="balanced"), COUNTS)(logits, soft_targets(labels, 3))
    loss.backward()
    pulls = [-logits.grad[labels == label, label].sum().item() for label in range(3)]
    assert pulls == pytest.approx([pulls[0]] * 3)
    assert loss.item() == pytest.approx(math.log(3))


def test_smoothing_with_weights_keeps_a_common_class_its_own() -> None:
    counts = [1, 999]
    config = LossConfig(class_weight="balanced", label_smoothing=0.1)
    loss = build_loss(config, counts)
    common = soft_targets(torch.tensor([1]), 2)
    right, wrong = torch.tensor([[-3.0, 3.0]]), torch.tensor([[3.0, -3.0]])
    assert loss(right, common) < loss(wrong, common)


def test_a_class_without_training_images_weighs_one() -> None:
    loss = build_loss(LossConfig(class_weight="balanced"), [5, 0, 5])
    logits, targets = torch.zeros(1, 3), soft_targets(torch.tensor([1]), 3)
    assert loss(logits, targets).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_loss_and_gradient_are_finite_however_sure_the_logits(gamma, dtype) -> None:
    logits = torch.tensor([[200.0, 0, -200], [0, 300, 0]], dtype=dtype, requires_grad=True)
    targets = soft_targets(torch.tensor([0, 2]), 3)
    loss = build_loss(LossConfig(focal_gamma=gamma, label_smoothing=0.1), COUNTS)(logits, targets)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
