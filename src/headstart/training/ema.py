"""A moving average of the weights, which judges better than the last step's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from headstart.errors import WeightsError, listed

_UPDATES = "updates"
_PREFIX = "average."


class MovingAverage:
    """An exponential moving average of a module's parameters and buffers.

    Floating-point buffers (running statistics) are averaged like the parameters, so
    that they belong to the averaged weights; others are copied. Kept in float32 at
    least. The decay starts low: ``min(decay, (1 + n) / (10 + n))`` at update n.

    Args:
        module: What is averaged, already on its device.
        decay: Share of the old average that an update keeps.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module = module
        self._decay = decay
        self._updates = 0
        self._average = {name: _widened(tensor) for name, tensor in self._live().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the module's present weights; call after each step."""
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for name, live in self._live().items():
            average = self._average[name]
            if average.is_floating_point():
                average.lerp_(live.to(average.dtype), 1 - decay)
            else:
                average.copy_(live)
        self._updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average into the module within the block; the exact weights come back."""
        live = self._live()
        kept = {name: tensor.detach().clone() for name, tensor in live.items()}
        _copy(self._average, live)
        try:
            yield
        finally:
            _copy(kept, live)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return tensors to go on from here; they change with the next update."""
        averages = {_PREFIX + name: average for name, average in self._average.items()}
        return {_UPDATES: torch.tensor(self._updates), **averages}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a saved state.

        Raises:
            WeightsError: The state is of another network.
        """
        own = self.state_dict()
        wrong = own.keys() ^ state.keys()
        wrong |= {
            name for name in own.keys() & state.keys() if own[name].shape != state[name].shape
        }
        if wrong:
            raise WeightsError(
                f"the moving average was saved for another network (differing: "
                f"{listed(sorted(wrong), limit=3)}): resume with the settings of that run"
            )
        self._updates = int(state[_UPDATES])
        _copy({name: state[_PREFIX + name] for name in self._average}, self._average)

    def _live(self) -> dict[str, torch.Tensor]:
        return {**dict(self._module.named_parameters()), **dict(self._module.named_buffers())}


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    wide = torch.promote_types(tensor.dtype, torch.float32)
    return tensor.detach().to(wide if tensor.is_floating_point() else tensor.dtype, copy=True)


@torch.no_grad()
def _copy(source: Mapping[str, torch.Tensor], target: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
