"""A network's batch norms moved to the statistics of new images, before it is trained on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.tapped import TappedBackbone
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Inputs
from headstart.training.sampling import Rows

Array = npt.NDArray[np.float32]


@torch.no_grad()
def adopt_statistics(
    backbone: TappedBackbone,
    inputs: Inputs,
    rows: Rows,
    *,
    arithmetic: Arithmetic,
    batch_size: int,
) -> Array:
    """Let every batch norm see new images, and return their features while it does.

    The running statistics become the mean over the batches seen (as in Li et al.,
    "Adaptive Batch Normalization", Pattern Recognition 80, 2018, arXiv:1603.04779); no
    weight is changed. A head fitted on these features is right for training with batch
    statistics; one fitted on the pretrained statistics need not be.

    Args:
        backbone: Changed in place: statistics only.
        inputs: Where the images come from.
        rows: Which of them; a last batch smaller than the others is left out.
        arithmetic: How it is computed.
        batch_size: Images a batch.

    Returns:
        Features, shape (M, D), of the first M of the rows.
    """
    batches = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    whole = [batch for batch in batches if len(batch) == len(batches[0])]
    device = backbone.scale.device
    with _learning(backbone), arithmetic.applied(device):
        found = [_features(backbone, inputs.read(batch).to(device)) for batch in whole]
    return np.concatenate(found)


def has_batch_norm(backbone: TappedBackbone) -> bool:
    """Tell whether a network has batch norms."""
    return any(isinstance(module, _BatchNorm) for module in backbone.modules())


@contextmanager
def _learning(backbone: TappedBackbone) -> Iterator[None]:
    """Let batch norms gather statistics from nothing, each batch counting the same."""
    norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm)]
    usual = [norm.momentum for norm in norms]
    backbone.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, usual, strict=True):
            norm.momentum = momentum
            norm.eval()


def _features(backbone: TappedBackbone, pixels: torch.Tensor) -> Array:
    blocks = [block.float() for block in backbone(pixels)]
    features: Array = torch.cat(blocks, dim=1).cpu().numpy()
    return features


@torch.no_grad()
def statistics_shift(backbone: TappedBackbone, pixels: torch.Tensor) -> float:
    """Return how far new images' variances lie from what the batch norms remember.

    Args:
        backbone: In inference mode; unchanged.
        pixels: uint8, (N, S, S, 3), some dozens.

    Returns:
        Mean absolute log ratio over all channels; 0 without batch norms. A factor of two
        is 0.69.
    """
    shifts: list[float] = []

    def measure(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(module, _BatchNorm)
        assert module.running_var is not None
        variance = inputs[0].float().transpose(0, 1).flatten(1).var(1)
        ratio = (variance + module.eps) / (module.running_var + module.eps)
        shifts.append(float(ratio.log().abs().mean()))

    norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    try:
        backbone(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return float(np.mean(shifts)) if shifts else 0.0
