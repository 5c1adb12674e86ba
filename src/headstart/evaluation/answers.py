"""One classifier's answers, as they are compared: probabilities, or only the classes named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.evaluation.counts import Bools, Floats, Ints
from headstart.evaluation.inputs import checked_probabilities, checked_targets
from headstart.evaluation.metrics import nll_losses


@dataclass(frozen=True)
class Answers:
    """What one classifier said of N images.

    Attributes:
        predictions: The class it named, shape (N,), values in [0, K).
        right: Whether that was true, shape (N,).
        losses: Negative log-likelihood of the truth, shape (N,); ``None`` where it gave
            no probabilities.
    """

    predictions: Ints
    right: Bools
    losses: Floats | None


def as_answers(values: npt.ArrayLike, targets: Ints, *, classes: Sequence[str]) -> Answers:
    """Check what a classifier said.

    Args:
        values: Probabilities of shape (N, K), rows that sum to 1; or the classes it
            named, shape (N,), as positions or as names.
        targets: True classes, shape (N,), values in [0, K).
        classes: Class names in column order, K of them.

    Raises:
        ValueError: The shapes do not fit, a row is no distribution, or a class is none.
    """
    given = np.asarray(values)
    if given.ndim == 1:
        named = as_positions(given, n=len(targets), classes=classes)
        return Answers(named, named == targets, None)
    probabilities = checked_probabilities(given, classes=classes)
    if len(probabilities) != len(targets):
        raise ValueError(f"there are {len(probabilities)} answers for {len(targets)} targets")
    predictions = probabilities.argmax(axis=1).astype(np.int64)
    return Answers(predictions, predictions == targets, nll_losses(probabilities, targets))


def as_positions(values: npt.ArrayLike, *, n: int, classes: Sequence[str]) -> Ints:
    """Return classes as positions in ``classes``, int64, shape (N,).

    Args:
        values: Positions in [0, K), or names, shape (N,).
        n: How many there must be.
        classes: Class names, K of them.

    Raises:
        ValueError: There are others than so many, or a class is none of these.

    >>> as_positions(["dog", "cat"], n=2, classes=["cat", "dog"]).tolist()
    [1, 0]
    """
    given = np.asarray(values)
    if given.dtype.kind in "UO":
        position = {name: index for index, name in enumerate(classes)}
        unknown = sorted({str(name) for name in given.ravel()} - set(position))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of the classes {', '.join(classes)}")
        given = np.array([position[str(name)] for name in given.ravel()], np.int64)
    return checked_targets(given, n=n, classes=classes)
