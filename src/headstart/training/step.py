"""One step of training: forward, backward, update. The same for every loop there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Batch
from headstart.training.losses import Loss


class TrainingStep:
    """Computes gradients, then takes the step; whoever drives it may stop in between.

    Args:
        network: From inputs to logits, on its device.
        optimiser: Of its trained parameters.
        loss: Of logits and soft targets.
        arithmetic: How it is computed.
        device: Where.
        clip_norm: Longest gradient.
    """

    def __init__(
        self,
        network: Callable[[torch.Tensor], torch.Tensor],
        optimiser: torch.optim.Optimizer,
        loss: Loss,
        *,
        arithmetic: Arithmetic,
        device: torch.device,
        clip_norm: float | None = None,
    ) -> None:
        self._network = network
        self._optimiser = optimiser
        self._loss = loss
        self._arithmetic = arithmetic
        self._device = device
        self._clip_norm = clip_norm
        self._scaler = arithmetic.build_scaler(device)

    def gradients(self, batch: Batch) -> tuple[float, torch.Tensor]:
        """Return the batch's loss and logits (n, K); the gradients wait for :meth:`update`."""
        inputs, targets = batch
        self._optimiser.zero_grad()
        with self._arithmetic.applied(self._device):
            logits = self._network(inputs)
        loss = self._loss(logits, targets)
        with self._arithmetic.tensor_cores(self._device):
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach()), logits.detach()

    def update(self) -> None:
        """Let the weights follow the gradients; float16 ones that overflowed are skipped."""
        if self._clip_norm:
            self._scaler.unscale_(self._optimiser)
            groups = self._optimiser.param_groups
            trained = [weight for group in groups for weight in group["params"]]
            nn.utils.clip_grad_norm_(trained, self._clip_norm)
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return what JSON needs to go on from here: the scale of float16 gradients."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        if state:
            self._scaler.load_state_dict(state)
