"""Which arithmetic trains fastest on this machine: each is tried, none is assumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import torch
from torch import nn

from headstart.errors import TrainingError
from headstart.kernels.library import load_kernels
from headstart.training.arithmetic import COMPILED, Arithmetic, Name
from headstart.training.compilation import FAILURES, reason_of

Step = Callable[[Arithmetic], None]

_STEPS: Final = {"cpu": 2}
_STEPS_ON_A_GPU: Final = 8  # the first ones choose algorithms and fill the memory pool
_NOISE: Final = 0.03
"""Speeds nearer than this count as equal; the arithmetic with more digits is taken."""
_HOPELESS: Final = 3.0
"""How many times as slow as the fastest one may look and still be timed again."""
_SLOW: Final = 10.0
_TENSOR_CORES: Final = (8, 0)
_LEAST_COMPILE_S: Final = 30.0
"""Compiling a backbone takes longer than this on any machine seen so far (CPUs only)."""


@dataclass(frozen=True)
class Work:
    """What is still to be done.

    Attributes:
        steps: Training steps left.
        phases: Each compiles anew, since other layers are trained.
    """

    steps: int = 0
    phases: int = 1


@dataclass(frozen=True)
class ArithmeticChoice:
    """What is taken, and why.

    Attributes:
        arithmetic: The fastest.
        words: One line: what was measured of each, and what did not work.
    """

    arithmetic: Arithmetic
    words: str


@dataclass(frozen=True)
class _Trial:
    """How one arithmetic did; ``seconds`` a step is ``None`` where it does not work."""

    arithmetic: Arithmetic
    seconds: float | None = None
    compile_s: float = 0.0
    reason: str = ""

    @property
    def words(self) -> str:
        name = self.arithmetic.name
        return f"{name} failed: {self.reason}" if self.reason else f"{name} {self.rate}"

    @property
    def rate(self) -> str:
        """Images a second, in words."""
        rate = self.arithmetic.images_per_s or 0.0
        return f"{rate:.0f}" if rate >= _SLOW else f"{rate:.1f}"


def choose_arithmetic(
    network: nn.Module,
    example: torch.Tensor,
    step: Step,
    *,
    device: torch.device,
    taps: Sequence[str] = (),
    work: Work | None = None,
) -> ArithmeticChoice:
    """Time a few steps in each arithmetic that the device can, and return the fastest.

    On CUDA the fastest is then compiled, if the steps left can repay that: compiling each
    candidate would cost more than it can show.

    Args:
        network: In the mode it will be trained in; left rerouted.
        example: What it takes, float32 (N, 3, H, W), as large as a training batch on a GPU.
        step: One training step in a given arithmetic, on as many images as the example has.
        device: Where it runs.
        taps: Modules whose outputs are looked at.
        work: What is still to be done; nothing is compiled where not given.

    Raises:
        TrainingError: No arithmetic works, such as for want of memory; names each reason.
    """
    run = _Trials(network, example, step, device, taps)
    tried = [run.time(Arithmetic(name)) for name in candidates(device)]
    if device.type == "cpu" and len(tried) > 1:
        tried = run.again(tried)
    best = _fastest(tried)
    if device.type != "cuda":
        return ArithmeticChoice(best.arithmetic, _words(best, tried))
    compiled, why = _compiled(best, run, work or Work())
    taken = compiled if compiled and not why else best
    return ArithmeticChoice(
        taken.arithmetic, _words(taken, [*tried, *([compiled] if compiled else [])], why)
    )


def candidates(device: torch.device) -> tuple[Name, ...]:
    """Return what is worth timing on a device, the most exact first."""
    if device.type == "cuda":
        return _on_cuda(device)
    if device.type == "mps":
        return ("f32", "f16")
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return ("f32",)
    return ("f32", "bf16", "bf16-fast") if load_kernels() else ("f32", "bf16")


def _on_cuda(device: torch.device) -> tuple[Name, ...]:
    cores = torch.cuda.get_device_capability(device) >= _TENSOR_CORES
    single: Name = "tf32" if cores else "f32"
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return (single, "bf16", "f16") if has_bf16 else (single, "f16")


@dataclass(frozen=True)
class _Trials:
    network: nn.Module
    example: torch.Tensor
    step: Step
    device: torch.device
    taps: Sequence[str]

    def time(self, arithmetic: Arithmetic) -> _Trial:
        try:
            arithmetic.prepare(self.network, self.example, taps=self.taps)
            times = self._times(arithmetic)
        except FAILURES as error:
            return _Trial(arithmetic, reason=reason_of(error))
        best = min(times)
        timed = replace(arithmetic, images_per_s=len(self.example) / best)
        return _Trial(timed, best, compile_s=times[0] - best)

    def again(self, tried: Sequence[_Trial]) -> list[_Trial]:
        """Return trials with the better of two visits: other programs may have been in one."""
        least = min((it.seconds for it in tried if it.seconds is not None), default=0.0)
        return [
            trial
            if trial.seconds is None or trial.seconds > _HOPELESS * least
            else min(trial, self.time(trial.arithmetic), key=_seconds)
            for trial in tried
        ]

    def _times(self, arithmetic: Arithmetic) -> list[float]:
        times = []
        for _ in range(_STEPS.get(self.device.type, _STEPS_ON_A_GPU)):
            started = time.perf_counter()
            self.step(arithmetic)
            _finish(self.device)
            times.append(time.perf_counter() - started)
        return times


def _seconds(trial: _Trial) -> float:
    return math.inf if trial.seconds is None else trial.seconds


def _finish(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _fastest(tried: Sequence[_Trial]) -> _Trial:
    timed = [(it, it.seconds) for it in tried if it.seconds is not None]
    if not timed:
        raise TrainingError(
            "no training step works on this device "
            f"({'; '.join(it.words for it in tried)}): if memory is short, lower batch_size"
        )
    least = min(seconds for _, seconds in timed)
    return next(it for it, seconds in timed if seconds <= least * (1 + _NOISE))


def _compiled(best: _Trial, run: _Trials, work: Work) -> tuple[_Trial | None, str]:
    """Return the best one compiled, and why it is not taken, if it is not."""
    assert best.seconds is not None
    left_s = work.steps * best.seconds
    if left_s < _LEAST_COMPILE_S * work.phases:
        return None, f"not compiled: the {work.steps:,} steps take {left_s:.0f} s as they are"
    failures: list[str] = []
    name = cast(Name, best.arithmetic.name + COMPILED)
    trial = run.time(Arithmetic(name, say=failures.append))
    if failures:
        return None, failures[0]
    if trial.seconds is None:
        return trial, "not compiled"
    cost_s = trial.compile_s * work.phases
    gain_s = (best.seconds - trial.seconds) * work.steps
    if gain_s > cost_s:
        return trial, ""
    return trial, f"not compiled: {cost_s:.0f} s of compiling would gain {max(0.0, gain_s):.0f} s"


def _words(taken: _Trial, tried: Sequence[_Trial], why: str = "") -> str:
    """Return one line: ``bf16, 640 images/s (tf32 401, f16 failed: …; not compiled: …)``."""
    others = ", ".join(it.words for it in tried if it is not taken)
    compiling = f"compiling took {taken.compile_s:.0f} s" if taken.arithmetic.compiled else why
    details = "; ".join(part for part in (others, compiling) if part)
    rate = f"{taken.arithmetic.name}, {taken.rate} images/s"
    return f"{rate} ({details})" if details else rate
