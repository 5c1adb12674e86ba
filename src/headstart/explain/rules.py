"""What a rule of differentiation is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.engines.opened_graph import Array


class UnsupportedError(Exception):
    """A gradient cannot be computed in closed form; another method has to do."""


@dataclass(frozen=True)
class Call:
    """One operation, as it ran, and the gradients at its outputs.

    Attributes:
        attributes: As OpenVINO has them.
        inputs: Values.
        active: Which inputs are no constants.
        shapes: Of the outputs.
        gradients: At the outputs; ``None`` where none flows.
    """

    attributes: Mapping[str, Any]
    inputs: Sequence[Array]
    active: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]
    gradients: Sequence[Array | None]

    @property
    def gradient(self) -> Array:
        """The gradient at the only output."""
        first = self.gradients[0]
        assert first is not None
        return first

    def axes(self, position: int = 1) -> tuple[int, ...]:
        """Return an input of axes as numbers from 0."""
        rank = self.inputs[0].ndim
        return tuple(int(a) % rank for a in np.ravel(self.inputs[position]))


Rule = Callable[[Call], "Sequence[Array | None]"]
"""Gradients at the inputs, leading ones at least; ``None`` where none flows."""


def shrunk(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Return a gradient summed over what broadcasting repeated."""
    extra = gradient.ndim - len(shape)
    summed = gradient.sum(axis=tuple(range(extra))) if extra else gradient
    axes = tuple(a for a, n in enumerate(shape) if n == 1 and summed.shape[a] != 1)
    return summed.sum(axis=axes, keepdims=True) if axes else summed
