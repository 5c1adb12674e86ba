"""Counting right and wrong answers per class: what every F1, precision and recall is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


def confusion_matrix(predictions: Ints, targets: Ints, *, classes: int) -> Ints:
    """Count images by what they are and what they were taken for.

    Args:
        predictions: Predicted class of each image, shape (N,), values in [0, K).
        targets: True class of each image, shape (N,), values in [0, K).
        classes: How many classes there are, K.

    Returns:
        Counts of shape (K, K): rows are true classes, columns predicted ones.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    cells = np.bincount(targets * classes + predictions, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Per-class counts of one sample, or of many at once along leading axes.

    Attributes:
        hits: Images of the class that were predicted as it, shape (..., K).
        support: Images of the class, shape (..., K).
        predicted: Images predicted as the class, shape (..., K).
    """

    hits: Ints
    support: Ints
    predicted: Ints

    @classmethod
    def of(cls, confusion: Ints) -> ClassCounts:
        """Count from a confusion matrix with true classes in rows, shape (K, K)."""
        return cls(np.diagonal(confusion).copy(), confusion.sum(axis=1), confusion.sum(axis=0))

    @classmethod
    def of_predictions(cls, predictions: Ints, targets: Ints, *, classes: int) -> ClassCounts:
        """Count from predicted and true classes. See :func:`confusion_matrix`."""
        return cls.of(confusion_matrix(predictions, targets, classes=classes))

    @property
    def precision(self) -> Floats:
        """Share of each class's predictions that were right; 0 where none was made."""
        return ratio(self.hits, self.predicted)

    @property
    def recall(self) -> Floats:
        """Share of each class's images that were found; 0 where there are none."""
        return ratio(self.hits, self.support)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall; 0 where the class does not occur."""
        return ratio(2 * self.hits, self.support + self.predicted)

    @property
    def occurs(self) -> Bools:
        """Whether each class is among the true or the predicted ones."""
        return (self.support + self.predicted) > 0


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """Divide elementwise, with 0 where the denominator is 0.

    >>> ratio([1, 1], [2, 0]).tolist()
    [0.5, 0.0]
    """
    parts, wholes = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    quotients: Floats = np.zeros(wholes.shape)
    np.divide(parts, wholes, out=quotients, where=wholes != 0)
    return quotients
