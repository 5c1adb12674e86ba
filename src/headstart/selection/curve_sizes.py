"""How many training images a learning curve tries, and which: nested, stratified draws."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.errors import ConfigError, DataError
from headstart.heads.folds import Indices

Floats = npt.NDArray[np.float64]

_A_CLASS: Final = 5
_LEAST: Final = 20
"""Below so many images, and so many a class, heads are mostly luck."""
_MOST_SIZES: Final = 7
_WIDE: Final = 4
"""Halvings from which whole halvings make enough sizes; below, steps are half of that."""
_MOST_REPEATS: Final = 3
_CERTAIN: Final = 2
"""Images of every class that come first, so that even the smallest draw knows all classes."""


def choose_sizes(largest: int, classes: int) -> tuple[int, ...]:
    """Return numbers of training images on a geometric scale, ascending, the last the largest.

    Args:
        largest: As many as there are to train on.
        classes: How many classes share them.

    Raises:
        DataError: Too few for more than one size.

    >>> choose_sizes(1677, 6)
    (52, 105, 210, 419, 838, 1677)
    >>> choose_sizes(160, 3)
    (20, 28, 40, 57, 80, 113, 160)
    """
    least = max(_LEAST, _A_CLASS * classes)
    if largest < 2 * least:
        raise DataError(
            f"{largest:,} training images of {classes:,} classes are too few for a learning "
            f"curve: it begins at {least:,} and needs twice as many"
        )
    halvings = math.log2(largest / least)
    per_halving = 1 if halvings >= _WIDE else 2
    steps = min(_MOST_SIZES - 1, math.floor(per_halving * halvings + 1e-9))
    return tuple(round(largest * 2 ** (-step / per_halving)) for step in range(steps, -1, -1))


def check_sizes(sizes: Sequence[int], largest: int, classes: int) -> tuple[int, ...]:
    """Return the sizes that a user wants, ascending.

    Raises:
        ConfigError: Fewer than two, more than there are images, or fewer than classes need.
    """
    ordered = tuple(sorted(set(sizes)))
    least = _CERTAIN * classes
    if len(ordered) < 2 or ordered[0] < least or ordered[-1] > largest:
        raise ConfigError(
            f"sizes {', '.join(map(str, sizes))}: expected two or more numbers of training "
            f"images from {least:,} ({_CERTAIN} a class) to {largest:,}, which is what is left "
            "to train on while a fold is held out"
        )
    return ordered


def repeats_of(size: int, largest: int) -> int:
    """Return how often a size is drawn: the smaller, the cheaper, and the more it varies.

    >>> [repeats_of(size, 1600) for size in (100, 200, 400, 800, 1600)]
    [3, 3, 2, 1, 1]
    """
    return max(1, min(_MOST_REPEATS, round(largest / size / 2)))


@dataclass(frozen=True)
class NestedDraw:
    """An order of training rows whose every beginning is a stratified sample.

    Attributes:
        rows: In the order in which they are taken, shape (N,).
        ends: Where a whole group ends, ascending, shape (U,): rows of one group are taken
            together, since more images of the same things are not more of the world.
    """

    rows: Indices
    ends: Indices

    def first(self, size: int) -> Indices:
        """Return about so many rows, never half a group, ascending."""
        place = int(np.searchsorted(self.ends, size, side="right"))
        return np.sort(self.rows[: self.ends[max(0, place - 1)]])


def nested_draw(
    rows: Indices, targets: Indices, groups: Sequence[Hashable], *, seed: int
) -> NestedDraw:
    """Shuffle rows so that every beginning has each class in its share, and two of it at least.

    Args:
        rows: To draw from, shape (N,).
        targets: Class of each of them, shape (N,).
        groups: Key of each one's group, length N; unique where there are none.
        seed: Of the shuffle.
    """
    keys: dict[Hashable, int] = {}
    unit_of = np.array([keys.setdefault(group, len(keys)) for group in groups], np.int64)
    _, first = np.unique(unit_of, return_index=True)
    sizes, classes = np.bincount(unit_of), targets[first]
    turn = _turns(sizes, classes, np.random.default_rng(seed).permutation(len(sizes)))
    order = np.argsort(turn, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return NestedDraw(rows[np.argsort(place[unit_of], kind="stable")], np.cumsum(sizes[order]))


def _turns(sizes: Indices, classes: Indices, shuffled: Indices) -> Floats:
    """Return when each unit is taken: after which share of its class, the first ones at once."""
    turn = np.empty(len(sizes))
    for index in np.unique(classes):
        mine = shuffled[classes[shuffled] == index]
        reached = np.cumsum(sizes[mine])
        turn[mine] = (reached - sizes[mine] / 2) / reached[-1]
        turn[mine[:_CERTAIN]] -= 1
    return turn
