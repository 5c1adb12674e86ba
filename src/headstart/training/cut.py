"""A network cut behind a stage: its upper part alone, on activations computed before.

No network library offers that, and what lies between modules (a reshaping, a position
embedding) is code. So the network's own code runs, whole, but each module below the cut
gives what it once gave for one image, at no cost, and the stage gives the activations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn


class Cut:
    """A network cut behind one stage.

    Args:
        network: In inference mode, with ``forward_features``.
        stage: Name of the last module below the cut.
        image: What the network takes, float (1, 3, S, S).
    """

    def __init__(self, network: nn.Module, stage: str, image: torch.Tensor) -> None:
        self._stage = network.get_submodule(stage)
        self._answers = dict(_lower_parts(network, stage, _record(network, image)))

    @property
    def lower(self) -> list[nn.Module]:
        """Modules below the cut, the stage last."""
        return [*self._answers, self._stage]

    @contextmanager
    def resumed(self, activation: torch.Tensor) -> Iterator[None]:
        """Let the stage give an activation, whatever the network is given."""
        answers = {**self._answers, self._stage: activation}
        before = {module: module.__dict__.get("forward") for module in answers}
        for module, answer in answers.items():
            module.__dict__["forward"] = _Answer(answer)
        try:
            yield
        finally:
            for module, forward in before.items():
                module.__dict__.pop("forward")
                if forward is not None:
                    module.__dict__["forward"] = forward


@dataclass(frozen=True)
class _Answer:
    """Stands in for a module's ``forward``."""

    value: object

    def __call__(self, *inputs: object, **options: object) -> object:
        return self.value


@dataclass
class _Calls:
    """Of one module in one pass."""

    begun: int
    times: int = 0
    ended: int = 0
    output: object = None


def _record(network: nn.Module, image: torch.Tensor) -> dict[nn.Module, _Calls]:
    calls: dict[nn.Module, _Calls] = {}
    clock = iter(range(1 << 30))

    def enter(module: nn.Module, inputs: object) -> None:
        calls.setdefault(module, _Calls(begun=next(clock)))

    def leave(module: nn.Module, inputs: object, output: object) -> None:
        found = calls[module]
        found.times, found.ended, found.output = found.times + 1, next(clock), output

    parts = [module for module in network.modules() if module is not network]
    hooks = [part.register_forward_pre_hook(enter) for part in parts]
    hooks += [part.register_forward_hook(leave) for part in parts]
    try:
        with torch.no_grad():
            network.forward_features(image)  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _lower_parts(
    network: nn.Module, stage: str, calls: dict[nn.Module, _Calls]
) -> Iterator[tuple[nn.Module, object]]:
    """Yield the largest modules that are done when the stage begins, and what they gave."""
    begun = calls[network.get_submodule(stage)].begun
    passed: list[str] = []
    for name, module in network.named_modules():
        found = calls.get(module)
        done = found is not None and found.times == 1 and found.ended < begun
        if done and not name.startswith(tuple(passed)):
            passed.append(f"{name}.")
            yield module, calls[module].output
