"""Which images an epoch shows, in which order: pure functions, so nothing to save."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from headstart.training.randomness import seed_of

Rows = npt.NDArray[np.int64]
Sampling = Literal["shuffled", "balanced"]


def epoch_order(targets: Rows, *, sampling: Sampling, seed: int, phase: int, epoch: int) -> Rows:
    """Return the rows that one epoch shows, in order.

    Args:
        targets: Class of each training image, shape (N,).
        sampling: ``"shuffled"`` shows every image once. ``"balanced"`` shows every
            class equally often, give or take one image; within a class no image
            comes again before all have been shown, across epochs too.
        seed: Seed of the run.
        phase: Number of the phase.
        epoch: Number of the epoch within the phase, from 0.

    Returns:
        Row numbers, int64, shape (N,).
    """
    rows = np.arange(len(targets), dtype=np.int64)
    if sampling == "balanced" and len(rows):
        rows = _balanced(targets, seed, phase, epoch)
    return _generator(seed, "order", phase, epoch).permutation(rows)


def batches(order: Rows, size: int) -> list[Rows]:
    """Cut an epoch into batches.

    The last one may be smaller. One lone image is left out, as batch norm has nothing
    to average over; the next epoch's order will place it elsewhere.

    >>> [batch.tolist() for batch in batches(np.arange(5), 2)]
    [[0, 1], [2, 3]]
    >>> [batch.tolist() for batch in batches(np.arange(5), 3)]
    [[0, 1, 2], [3, 4]]
    """
    cut = [order[start : start + size] for start in range(0, len(order), size)]
    if size > 1 and len(cut) > 1 and len(cut[-1]) == 1:
        cut.pop()
    return cut


def _balanced(targets: Rows, seed: int, phase: int, epoch: int) -> Rows:
    """Deal the slots of all epochs to the classes in turn; return this epoch's rows."""
    classes, sizes = np.unique(targets, return_counts=True)
    by_class = np.split(np.argsort(targets, kind="stable"), np.cumsum(sizes)[:-1])
    first, last = epoch * len(targets), (epoch + 1) * len(targets)
    drawn = []
    for turn, (label, members) in enumerate(zip(classes, by_class, strict=True)):
        start, stop = (-((turn - slot) // len(classes)) for slot in (first, last))
        drawn.append(_draws(members, start, stop, (seed, phase, int(label))))
    return np.concatenate(drawn)


def _draws(members: Rows, start: int, stop: int, key: tuple[int, int, int]) -> Rows:
    """Return draws ``start`` to ``stop`` of the endless chain of shuffled members."""
    rounds = range(start // len(members), -(-stop // len(members)))
    chain = [_generator(*key, "round", number).permutation(members) for number in rounds]
    skipped = start - rounds.start * len(members)
    return np.concatenate([*chain, members[:0]])[skipped : skipped + stop - start]


def _generator(*parts: int | str) -> np.random.Generator:
    return np.random.default_rng(seed_of(*parts))
