"""Labels that may be wrong, told from what a model says of images it did not learn from.

Confident learning: Northcutt, Jiang and Chuang, "Confident learning: estimating
uncertainty in dataset labels", Journal of Artificial Intelligence Research 70 (2021),
doi:10.1613/jair.1.12125. It gives what cleanlab's ``find_label_issues`` gives with
``filter_by="low_self_confidence"``, and is tested against it. Cleanlab itself costs 2.8 s of
processor time to import (pandas, scipy and scikit-learn with it), which is a third of a run
on cached features, and could not be used where only the runtime floor is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from headstart.evaluation.counts import Bools, Floats, Ints

_NEAR: Final = 1e-6
"""Probabilities that are closer than this count as equal, as in cleanlab."""


@dataclass(frozen=True)
class LabelDoubts:
    """What is to be thought of the labels of N images.

    Attributes:
        suspect: Whether each label is doubted, shape (N,).
        suggested: The likeliest class of each image, shape (N,).
        probability: Its probability, shape (N,).
        quality: How well each label fits: its probability, 0 to 1, shape (N,).
    """

    suspect: Bools
    suggested: Ints
    probability: Floats
    quality: Floats

    @property
    def ranked(self) -> Ints:
        """The rows whose label is suspect, the worst first."""
        rows = np.flatnonzero(self.suspect)
        return rows[np.argsort(self.quality[rows], kind="stable")]


def doubt_labels(probabilities: Floats, labels: Ints) -> LabelDoubts:
    """Find labels that may be wrong, if the model is not.

    How many: an image speaks for a class if the class is at least as probable as it is, on
    average, for the images labelled with it, so a model that is rarely sure of a class need
    not be sure here either. As many labels are suspect as there are images that speak for
    another class than their own. Which: those whose own label is the least probable, unless
    the model would have given it all the same.

    Args:
        probabilities: Of every class, from a model that did not learn from the image,
            shape (N, K).
        labels: The given class of each image, shape (N,), values in [0, K).

    >>> cat, dog, torn = [0.9, 0.1], [0.1, 0.9], [0.45, 0.55]
    >>> doubts = doubt_labels(np.array([cat, torn, dog, dog, cat]), np.array([0, 0, 1, 1, 1]))
    >>> doubts.suspect.tolist(), doubts.quality.round(2).tolist()
    ([False, False, False, False, True], [0.9, 0.45, 0.9, 0.9, 0.1])
    """
    rows = np.arange(len(labels))
    given = probabilities[rows, labels]
    suggested = probabilities.argmax(axis=1)
    probability = probabilities[rows, suggested]
    would_differ = given + _NEAR < probability
    spoken = spoken_for(probabilities, labels)
    count = int(((spoken >= 0) & (spoken != labels) & would_differ).sum())
    least = np.zeros(len(labels), np.bool_)
    least[np.argsort(given, kind="stable")[:count]] = True
    return LabelDoubts(least & would_differ, suggested, probability, given)


def spoken_for(probabilities: Floats, labels: Ints) -> Ints:
    """Return the class that each image speaks for, -1 for none, shape (N,).

    Where it speaks for several it counts for the likeliest of all classes.
    """
    confident = probabilities >= _usual_confidence(probabilities, labels) - _NEAR
    several = confident.sum(axis=1) > 1
    spoken = np.where(several, probabilities.argmax(axis=1), confident.argmax(axis=1))
    return np.where(confident.any(axis=1), spoken, -1)


def _usual_confidence(probabilities: Floats, labels: Ints) -> Floats:
    """Return the mean probability of each class over its own images, shape (K,).

    No image speaks for a class that has no images: its threshold is beyond reach.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), 2.0)
    return np.maximum(means, 2 * _NEAR)
