"""Which test images a report holds: all of a few hundred, a fair choice of more."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_IMAGES: Final = 600
"""More make a page that is slow to open and to send."""


def gallery_rows(
    targets: Ints, predicted: Ints, confidence: Floats, *, most: int = MOST_IMAGES
) -> Ints:
    """Return which test images to hold: all, or a fair share of each confusion cell.

    Cells take turns; in each turn errors come before right answers. An error is the more
    telling the surer the model was, a right answer the less sure.

    Args:
        targets: True class of each image, shape (N,).
        predicted: Class it was taken for, shape (N,).
        confidence: Probability of that class, shape (N,).
        most: How many to hold.

    Returns:
        Row numbers, ascending.
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    right = predicted == targets
    telling = np.where(right, confidence, -confidence)
    turns = _turns(targets * (int(predicted.max()) + 1) + predicted, telling)
    return np.sort(np.lexsort((telling, right, turns))[:most])


def surest_errors(targets: Ints, predicted: Ints, confidence: Floats, *, most: int) -> Ints:
    """Return the rows of wrong answers, the most confident first.

    >>> surest_errors(np.array([0, 1, 1]), np.array([1, 1, 0]), np.array([.6, .9, .8]), most=5)
    array([2, 0])
    """
    wrong = np.flatnonzero(predicted != targets)
    return wrong[np.argsort(-confidence[wrong], kind="stable")][:most]


def _turns(cells: Ints, telling: Floats) -> Ints:
    """Return each row's place within its cell, from 0."""
    order = np.lexsort((telling, cells))
    sorted_cells = cells[order]
    begins = np.flatnonzero(np.r_[True, sorted_cells[1:] != sorted_cells[:-1]])
    sizes = np.diff(np.r_[begins, len(cells)])
    turns = np.empty(len(cells), np.int64)
    turns[order] = np.arange(len(cells)) - np.repeat(begins, sizes)
    return turns
