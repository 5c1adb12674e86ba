"""A network compiled by PyTorch, region by region, parameters and names unchanged.

Compiled are the largest modules with no tap inside: what looks at a tap stands between
them, so it works as before. Only whole training batches go the compiled way. An epoch's
last batch and validation, of other sizes, would each be compiled again for minutes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any, Final

import torch
from torch import nn

Forward = Callable[..., Any]

FAILURES: Final = (RuntimeError, ImportError, OSError)
"""What PyTorch raises where it cannot compile: no Triton, no C compiler, no such operation."""


def compile_regions(
    network: nn.Module,
    taps: Sequence[str],
    *,
    batch_size: int,
    backend: str,
    say: Callable[[str], None],
) -> int:
    """Reroute a network's regions; :func:`headstart.training.fast_convs.restore` undoes it.

    Nothing is compiled before the first training batch. If that fails, the region is
    computed as before, and the reason said once.

    Args:
        network: In the mode it will be trained in.
        taps: Modules whose outputs are looked at.
        batch_size: Images of a whole training batch.
        backend: PyTorch's name of what compiles: ``"inductor"``.
        say: Who is told if it fails.

    Returns:
        How many regions there are.
    """
    said = _Once(say)
    alike: dict[str, Forward] = {}
    found = list(_regions(network, taps))
    for region in found:
        text = repr(region)
        if text not in alike:
            alike[text] = torch.compile(_own_code(len(alike)), backend=backend, dynamic=False)
        region.forward = _Gate(region, alike[text], batch_size, said)
    return len(found)


def _regions(module: nn.Module, taps: Sequence[str], prefix: str = "") -> Iterator[nn.Module]:
    """Yield the largest modules that have weights and no tap inside."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        listing = isinstance(child, nn.ModuleList | nn.ModuleDict)
        if listing or any(tap.startswith(f"{path}.") for tap in taps):
            yield from _regions(child, taps, f"{path}.")
        elif next(child.parameters(), None) is not None:
            yield child


def _own_code(number: int) -> Forward:
    """Return :func:`_call` with a code object of its own.

    PyTorch keeps what it compiled at the code object, eight versions at most: modules that
    are not alike must not share one, and those that are alike share what was compiled.
    """
    code = _call.__code__.replace(co_name=f"region_{number}")
    return FunctionType(code, globals())


def _call(module: nn.Module, *inputs: Any, **named: Any) -> Any:
    return type(module).forward(module, *inputs, **named)


class _Once:
    """Says the first message only."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.said = False

    def __call__(self, message: str) -> None:
        if not self.said:
            self.said = True
            self._say(message)


class _Gate:
    """A region's forward: compiled for whole training batches, plain for all else."""

    def __init__(self, module: nn.Module, compiled: Forward, batch_size: int, say: _Once) -> None:
        self._module = module
        self._compiled = compiled
        self._batch_size = batch_size
        self._say = say
        self._proved = False

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if not self._fits(inputs) or self._say.said:
            return _call(self._module, *inputs, **named)
        try:
            answer = self._run(inputs, named)
        except torch.OutOfMemoryError:
            raise
        except FAILURES as error:
            if self._proved:
                raise
            self._say(f"not compiled: {reason_of(error)}")
            return _call(self._module, *inputs, **named)
        self._proved = True
        return answer

    def _run(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self._proved:
            return self._compiled(self._module, *inputs, **named)
        with warnings.catch_warnings():  # the compiler looks at every tensor's gradient
            warnings.filterwarnings("ignore", message="The .grad attribute")
            return self._compiled(self._module, *inputs, **named)

    def _fits(self, inputs: tuple[Any, ...]) -> bool:
        first = inputs[0] if inputs else None
        whole = isinstance(first, torch.Tensor) and first.shape[:1] == (self._batch_size,)
        return whole and torch.is_grad_enabled()


def reason_of(error: BaseException) -> str:
    """Return the first line that says something, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = next((line for line in lines if line), type(error).__name__)
    return text.rstrip(".")[:200]
