"""Batches for training: augmented, mixed, on the device, one ahead of the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import torch

from headstart.config.training import PhaseConfig
from headstart.training.losses import soft_targets
from headstart.training.mixing import mix
from headstart.training.randomness import generator
from headstart.training.sampling import Rows

Batch = tuple[torch.Tensor, torch.Tensor]
"""Inputs (n, ...) and soft targets (n, K)."""

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""uint8 (n, S', S', 3) -> uint8 (n, S, S, 3); a pure function of its arguments."""


class Inputs(Protocol):
    """What a network takes, by row: pixels, or activations below a frozen boundary."""

    def read(self, rows: Rows) -> torch.Tensor:
        """Return some rows' inputs, in the order given."""
        ...


@dataclass(frozen=True)
class Examples:
    """Labelled inputs.

    Attributes:
        inputs: N of them.
        targets: Class of each, int64, shape (N,).
    """

    inputs: Inputs
    targets: Rows

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Feed:
    """Makes the batches of training.

    Attributes:
        examples: What is shown.
        classes: How many there are.
        augment: Random change of a batch; ``None``: shown as they are.
        seed: Of the run.
        device: Where batches go.
        views: How many of each row the inputs hold, all rows' first views first; an epoch
            shows one of each, the next epoch the next.
    """

    examples: Examples
    classes: int
    augment: Augment | None
    seed: int
    device: torch.device
    views: int = 1

    def shown(self) -> Inputs:
        """Return the inputs as training shows them: augmented, the same at every reading."""
        return _Shown(self)

    def run(
        self, phase: PhaseConfig, cut: Sequence[Rows], *, place: tuple[int, int], start: int
    ) -> Iterator[Batch]:
        """Yield an epoch's batches from one on, making the next while one is used.

        Args:
            phase: Which mixing.
            cut: Rows of each batch.
            place: Phase and epoch, which the random draws depend on.
            start: First batch wanted.
        """
        with ThreadPoolExecutor(1) as beside:
            waiting = None
            for step in range(start, len(cut)):
                coming = beside.submit(self._make, phase, cut[step], (*place, step))
                if waiting is not None:
                    yield waiting.result()
                waiting = coming
            if waiting is not None:
                yield waiting.result()

    def _make(self, phase: PhaseConfig, rows: Rows, place: tuple[int, int, int]) -> Batch:
        draws = generator(self.seed, "batch", *place)
        view = (rows + place[1]) % self.views
        inputs = self.examples.inputs.read(view * len(self.examples) + rows)
        if self.augment is not None:
            inputs = self.augment(inputs, draws)
        targets = soft_targets(torch.from_numpy(self.examples.targets[rows]), self.classes)
        inputs, targets = mix(
            inputs,
            targets,
            mixup_alpha=phase.mixup,
            cutmix_alpha=phase.cutmix,
            generator=draws,
        )
        return inputs.to(self.device), targets.to(self.device)


@dataclass(frozen=True)
class _Shown:
    feed: Feed

    def read(self, rows: Rows) -> torch.Tensor:
        inputs = self.feed.examples.inputs.read(rows)
        if self.feed.augment is None:
            return inputs
        return self.feed.augment(inputs, generator(self.feed.seed, "shown", int(rows[0])))
