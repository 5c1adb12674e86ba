"""Mixup and CutMix: two images in one, and their targets in proportion."""

from __future__ import annotations

import numpy as np
import torch

Batch = tuple[torch.Tensor, torch.Tensor]


def mix(
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    mixup_alpha: float,
    cutmix_alpha: float,
    generator: torch.Generator,
) -> Batch:
    """Apply mixup, CutMix, either by a coin toss a batch where both are on, or neither.

    Args:
        images: Shape (N, H, W, C), uint8 or float.
        targets: Soft targets, float, shape (N, K).
        mixup_alpha: Beta parameter of mixup; 0 is off.
        cutmix_alpha: Beta parameter of CutMix; 0 is off.
        generator: Where all random numbers come from.

    Returns:
        New images of the same type and soft targets; the arguments where both are off.
    """
    if not mixup_alpha and not cutmix_alpha:
        return images, targets
    heads = mixup_alpha and cutmix_alpha and _uniform(1, generator)[0] < 0.5
    if heads or not cutmix_alpha:
        return mixup(images, targets, alpha=mixup_alpha, generator=generator)
    return cutmix(images, targets, alpha=cutmix_alpha, generator=generator)


def mixup(
    images: torch.Tensor, targets: torch.Tensor, *, alpha: float, generator: torch.Generator
) -> Batch:
    """Average each image with another of the batch (Zhang et al., arXiv:1710.09412).

    Each image has its own share, from Beta(alpha, alpha), as in fastai.

    Args:
        images: Shape (N, H, W, C), uint8 (rounded to the nearest) or float.
        targets: Soft targets, float, shape (N, K).
        alpha: Beta parameter, above 0; 1 is uniform, small ones mix little.
        generator: Where all random numbers come from.

    Returns:
        New images of the same type and new soft targets.
    """
    partner = _partners(images, generator)
    share = _shares(len(images), alpha, generator)
    own = share.to(images.device, torch.float32).view(-1, 1, 1, 1)
    mixed = images.index_select(0, partner).float().lerp_(images.float(), own)
    if not images.is_floating_point():
        mixed = mixed.round_()
    return mixed.to(images.dtype), _mixed_targets(targets, partner, share)


def cutmix(
    images: torch.Tensor, targets: torch.Tensor, *, alpha: float, generator: torch.Generator
) -> Batch:
    """Paste a box of another image of the batch (Yun et al., arXiv:1905.04899).

    Each image has its own box: its area from Beta(alpha, alpha), its centre anywhere,
    cut off at the border. Targets follow the pixels that were replaced.

    Arguments and results are those of :func:`mixup`; alpha 1 is the paper's.
    """
    count, height, width, _ = images.shape
    partner = _partners(images, generator)
    side = (1 - _shares(count, alpha, generator)).sqrt()
    rows, columns = (_spans(length, side, generator) for length in (height, width))
    mixed = images.clone()
    for image, other, (top, bottom), (left, right) in zip(
        mixed, partner.tolist(), rows.tolist(), columns.tolist(), strict=True
    ):
        image[top:bottom, left:right] = images[other, top:bottom, left:right]
    share = 1 - _length(rows) * _length(columns) / (height * width)
    return mixed, _mixed_targets(targets, partner, share)


def _spans(length: int, side: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return start and end of spans of relative lengths, in pixels, int64, (N, 2)."""
    centre = _uniform(len(side), generator)
    ends = torch.stack([centre - side / 2, centre + side / 2], dim=1) * length
    return ends.round().clamp(0, length).long()


def _length(spans: torch.Tensor) -> torch.Tensor:
    return spans[:, 1] - spans[:, 0]


def _mixed_targets(
    targets: torch.Tensor, partner: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    own = share.to(targets.device, targets.dtype)[:, None]
    other = targets[partner.to(targets.device)]
    return targets * own + other * (1 - own)


def _partners(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    order = torch.randperm(len(images), generator=generator, device=generator.device)
    return order.to(images.device)


def _shares(count: int, alpha: float, generator: torch.Generator) -> torch.Tensor:
    """Draw from Beta(alpha, alpha); PyTorch's own draw takes no generator."""
    seed = torch.randint(2**63 - 1, (), generator=generator, device=generator.device)
    return torch.from_numpy(np.random.default_rng(int(seed)).beta(alpha, alpha, count))


def _uniform(count: int, generator: torch.Generator) -> torch.Tensor:
    drawn = torch.rand(count, generator=generator, device=generator.device, dtype=torch.float64)
    return drawn.cpu()
