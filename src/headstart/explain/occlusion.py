"""Maps without gradients: how much less sure the model is where a part is covered.

For graphs and heads that cannot be differentiated; dozens of runs instead of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from headstart.data.manifest import Pixels
from headstart.engines.opened_graph import Array
from headstart.explain.evidence import Map, lead

CELLS: Final = 8
_COVER: Final = 2
"""Cells a side that are covered at a time."""


def occlusion_map(answer: Callable[[Pixels], Array], pixels: Pixels, labels: list[int]) -> Array:
    """Return maps of the lead lost by covering, (len(labels), CELLS, CELLS).

    A square in the image's mean colour slides over it (Zeiler and Fergus, arXiv:1311.2901);
    each cell has its part of the mean loss of the squares over it.

    Args:
        answer: Pixels (S, S, 3) to logits (1, K).
        pixels: The square, uint8.
        labels: Classes wanted.
    """
    whole = answer(pixels)
    losses = np.zeros((len(labels), CELLS, CELLS))
    counts = np.zeros((CELLS, CELLS))
    steps = range(CELLS - _COVER + 1)
    for row, column in ((row, column) for row in steps for column in steps):
        covered = answer(_covered(pixels, row, column))
        area = slice(row, row + _COVER), slice(column, column + _COVER)
        counts[area] += 1
        for place, label in enumerate(labels):
            losses[(place, *area)] += lead(whole, label) - lead(covered, label)
    found: Map = (losses / counts / _COVER**2).astype(np.float32)
    return found


def _covered(pixels: Pixels, row: int, column: int) -> Pixels:
    edges = np.linspace(0, len(pixels), CELLS + 1).round().astype(int)
    covered = pixels.copy()
    rows = slice(edges[row], edges[row + _COVER])
    columns = slice(edges[column], edges[column + _COVER])
    covered[rows, columns] = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    return covered
