"""In which arithmetic a network is trained: what measures fastest on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import nn

from headstart.errors import ConfigError
from headstart.training.fast_convs import accelerate, restore
from headstart.training.native import load_kernels

Name = Literal["f32", "bf16", "bf16-fast", "f16"]
_STEPS: Final = 2


@dataclass(frozen=True)
class Arithmetic:
    """How a step is computed.

    Attributes:
        name: ``f32``; ``bf16`` or ``f16`` by autocast; ``bf16-fast``: convolutions on our
            own CPU kernels as well.
        images_per_s: Measured while choosing; ``None`` where nothing was measured.
    """

    name: Name
    images_per_s: float | None = None

    @property
    def dtype(self) -> torch.dtype | None:
        """Type of the fast operations; ``None``: no autocast."""
        return {"f32": None, "f16": torch.float16}.get(self.name, torch.bfloat16)

    @contextmanager
    def applied(self, device: torch.device) -> Iterator[None]:
        """Compute what is inside in this arithmetic."""
        enabled = self.dtype is not None
        with torch.autocast(device.type, dtype=self.dtype or torch.bfloat16, enabled=enabled):
            yield

    def prepare(self, network: nn.Module, example: torch.Tensor) -> None:
        """Reroute a network's convolutions, where this arithmetic does; undo it elsewhere.

        Args:
            network: In the mode it will be trained in.
            example: What it takes, float32 (N, 3, H, W).

        Raises:
            ConfigError: It is ``bf16-fast``, and its kernels cannot be had here.
        """
        restore(network)
        if self.name != "bf16-fast":
            return
        kernels = load_kernels()
        if kernels is None:
            raise ConfigError(
                "arithmetic 'bf16-fast' needs a C compiler and a processor with bf16, "
                "which are not here: choose auto, bf16 or f32"
            )
        accelerate(network, example, kernels)


def choose_arithmetic(
    network: nn.Module,
    example: torch.Tensor,
    step: Callable[[Arithmetic], None],
    *,
    device: torch.device,
) -> Arithmetic:
    """Time a few steps in each arithmetic that the device can, and return the fastest.

    Args:
        network: In the mode it will be trained in.
        example: What it takes, float32 (N, 3, H, W).
        step: One training step in a given arithmetic, on as many images as the example has.
        device: Where it runs. A GPU takes bfloat16 where it has it, else float16, unmeasured.
    """
    if device.type != "cpu":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return Arithmetic("bf16" if has_bf16 else "f16" if device.type == "cuda" else "f32")
    timed = []
    for name in _candidates():
        arithmetic = Arithmetic(name)
        arithmetic.prepare(network, example)
        timed.append(Arithmetic(name, len(example) / _best_seconds(step, arithmetic)))
    return max(timed, key=lambda found: found.images_per_s or 0.0)


def _candidates() -> tuple[Name, ...]:
    has_bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if not has_bf16:
        return ("f32",)
    return ("f32", "bf16", "bf16-fast") if load_kernels() else ("f32", "bf16")


def _best_seconds(step: Callable[[Arithmetic], None], arithmetic: Arithmetic) -> float:
    times = []
    for _ in range(_STEPS):
        started = time.perf_counter()
        step(arithmetic)
        times.append(time.perf_counter() - started)
    return min(times)
