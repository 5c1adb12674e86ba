"""Labels that are probably wrong, told from what a model says of images it did not learn from.

Confident learning: Northcutt, Jiang and Chuang, "Confident learning: estimating
uncertainty in dataset labels", Journal of Artificial Intelligence Research 70 (2021),
doi:10.1613/jair.1.12125. It gives what cleanlab's ``find_label_issues`` gives with
``filter_by="confident_learning"``, and is tested against it. Cleanlab itself costs 2.8 s of
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
        suspect: Whether each label is probably wrong, shape (N,).
        suggested: The likeliest class of each image, shape (N,).
        probability: Its probability, shape (N,).
        quality: How well each label fits, 0 to 1: half of one and the label's
            probability less that of the likeliest other class. Shape (N,). Below .5 the
            model would have said something else.
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

    @property
    def hardest(self) -> Ints:
        """All rows, those whose label fits worst first."""
        return np.argsort(self.quality, kind="stable")


def doubt_labels(probabilities: Floats, labels: Ints) -> LabelDoubts:
    """Find labels that are probably wrong.

    An image speaks for a class if the class is at least as probable as it is, on average,
    for the images labelled with it: so a model that is rarely sure of a class need not be
    sure here either. A label is suspect where the image speaks for another class, and not
    for its own more than for any.

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
    others = probabilities.copy()
    others[rows, labels] = -1.0
    suggested = probabilities.argmax(axis=1)
    spoken_for = _spoken_for(probabilities, labels)
    preferred = given + _NEAR >= others.max(axis=1, initial=-1.0)
    return LabelDoubts(
        suspect=(spoken_for >= 0) & (spoken_for != labels) & ~preferred,
        suggested=suggested,
        probability=probabilities[rows, suggested],
        quality=np.clip((1 + given - np.maximum(0.0, others.max(axis=1, initial=0.0))) / 2, 0, 1),
    )


def _spoken_for(probabilities: Floats, labels: Ints) -> Ints:
    """Return the class that each image speaks for, -1 for none, shape (N,).

    Where it speaks for several it counts for the likeliest of all classes.
    """
    confident = probabilities >= _usual_confidence(probabilities, labels) - _NEAR
    several = confident.sum(axis=1) > 1
    spoken_for = np.where(several, probabilities.argmax(axis=1), confident.argmax(axis=1))
    return np.where(confident.any(axis=1), spoken_for, -1)


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
