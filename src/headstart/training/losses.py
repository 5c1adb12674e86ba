"""Losses over soft targets: cross-entropy, smoothed, focused or weighted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from headstart.config.training import LossConfig

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_LEAST_DOUBT = 1e-7
"""Below this 1 - p counts as constant: its power has no finite slope at 0."""


def build_loss(config: LossConfig, class_counts: Sequence[int]) -> Loss:
    """Build the loss of a phase.

    Per image it is the sum over classes of ``-t (1 - p) ** gamma * log p``: cross-entropy,
    or the focal loss (Lin et al., 2017, arXiv:1708.02002) of soft targets. Class weights
    count every image by its own classes, and smoothing comes after them: a rare class's
    weight never reaches images of other classes, as it does in PyTorch's function.

    Args:
        config: Which changes to cross-entropy.
        class_counts: Training images of each class, length K; 'balanced' weighs class c
            by N / (K n_c), which averages to 1 over the images. A class of none weighs 1.

    Returns:
        A function of logits (N, K), any float type, and soft targets (N, K) to the mean
        loss, a float32 scalar. The mean is over images, not over their weights.
    """
    weights = _balanced(class_counts) if config.class_weight == "balanced" else None
    return partial(
        _loss, weights=weights, smoothing=config.label_smoothing, gamma=config.focal_gamma
    )


def soft_targets(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Return labels (N,), int64, as one-hot rows (N, K), float32."""
    return torch.nn.functional.one_hot(labels, classes).float()


def _loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    weights: torch.Tensor | None,
    smoothing: float,
    gamma: float,
) -> torch.Tensor:
    if weights is not None:
        targets = targets * weights.to(targets.device)
    if smoothing:
        spread = targets.mean(dim=1, keepdim=True)
        targets = targets * (1 - smoothing) + spread * smoothing
    logs = torch.log_softmax(logits.float(), dim=1)
    if gamma:
        logs = logs * (-torch.expm1(logs)).clamp_min(_LEAST_DOUBT) ** gamma
    return -(targets * logs).sum(dim=1).mean()


def _balanced(class_counts: Sequence[int]) -> torch.Tensor:
    counts = torch.tensor(class_counts, dtype=torch.float64)
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts)
    return torch.where(present, weights, 1.0).float()
