"""Random numbers for a batch: every one from the caller's generator."""

from __future__ import annotations

import math

import torch


class Draws:
    """One number an image and call, in double precision.

    Args:
        generator: Processor generator; its state is all that the numbers depend on.
        count: Images of the batch, N.
    """

    def __init__(self, generator: torch.Generator, count: int) -> None:
        self.count = count
        self._generator = generator

    def uniform(self, low: float, high: float) -> torch.Tensor:
        """Return numbers from ``low`` to ``high``, shape (N,)."""
        unit = torch.rand(self.count, generator=self._generator, dtype=torch.float64)
        return low + (high - low) * unit

    def either_way(self, largest: float | None) -> torch.Tensor:
        """Return numbers from minus to plus ``largest``, zeros where it is not given, (N,)."""
        if largest is None:
            return torch.zeros(self.count, dtype=torch.float64)
        return self.uniform(-largest, largest)

    def factor(self, ends: tuple[float, float] | None) -> torch.Tensor:
        """Return numbers of a range, ones where it is not given, (N,).

        Their logarithm is uniform: between .5 and 2, half of them are above 1.
        """
        if ends is None:
            return torch.ones(self.count, dtype=torch.float64)
        return self.uniform(math.log(ends[0]), math.log(ends[1])).exp()

    def coin(self, share: float) -> torch.Tensor:
        """Return true for about that share of the images, bool (N,)."""
        return self.uniform(0.0, 1.0) < share

    def choice(self, options: int) -> torch.Tensor:
        """Return numbers of options, from 0 up, int64 (N,)."""
        return torch.randint(options, (self.count,), generator=self._generator)
