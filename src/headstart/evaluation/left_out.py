"""What a classifier is worth if there were no such class: figures without a class or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.intervals import Estimate, wilson
from headstart.evaluation.judgement import Judgement, judge


@dataclass(frozen=True)
class Remaining:
    """Answers to the images of the classes that are left.

    Attributes:
        rows: Which images these are, shape (M,), ascending.
        classes: The classes that are left, L of them, in their order.
        probabilities: Of these classes alone, scaled to sum to 1, shape (M, L). Where none
            of them had any probability, all have the same.
        targets: True class of each image among these, shape (M,).
        kept: The columns that these classes had before, shape (L,).
    """

    rows: Ints
    classes: tuple[str, ...]
    probabilities: Floats
    targets: Ints
    kept: Ints


@dataclass(frozen=True)
class WithoutClasses:
    """Figures without some classes, in the two ways that this can be meant.

    Attributes:
        left_out: The classes.
        images: How many images were of them, and are left out.
        as_answered: Accuracy on the other images with the answers as they are: to take one
            for a class that is left out is a mistake. What to expect of these images while
            the class still exists.
        taken_for_left_out: How many of them were so mistaken.
        renormalised: The same images, answered among the remaining classes only: what to
            expect where the class no longer exists.
    """

    left_out: tuple[str, ...]
    images: int
    as_answered: Estimate
    taken_for_left_out: int
    renormalised: Judgement

    def to_json(self) -> dict[str, object]:
        """Return it as ``metrics.json`` holds it."""
        return {
            "left_out": list(self.left_out),
            "images_left_out": self.images,
            "as_answered": {"accuracy": self.as_answered.to_json()},
            "taken_for_left_out": self.taken_for_left_out,
            "renormalised": self.renormalised.to_json(),
        }


def remaining(
    probabilities: Floats, targets: Ints, classes: Sequence[str], *, without: Sequence[str]
) -> Remaining:
    """Leave out the images of some classes, and these classes from the answers.

    Args:
        probabilities: Of every class, shape (N, K).
        targets: True class of each image, shape (N,).
        classes: Class names in column order, K of them.
        without: Names of classes to leave out, at most K - 2 of them.

    Raises:
        ValueError: A name is no class, fewer than two classes or no image would be left.

    >>> left = remaining(
    ...     np.array([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]),
    ...     np.array([1, 2]),
    ...     ("cat", "dog", "eel"),
    ...     without=["cat"],
    ... )
    >>> left.classes, left.probabilities.round(2).tolist(), left.targets.tolist()
    (('dog', 'eel'), [[0.6, 0.4], [0.0, 1.0]], [0, 1])
    """
    unknown = [name for name in without if name not in classes]
    if unknown:
        raise ValueError(f"{unknown[0]} is none of the classes: {', '.join(classes)}")
    kept = np.array([k for k, name in enumerate(classes) if name not in without], np.int64)
    if len(kept) < 2:
        raise ValueError(f"{len(kept)} of {len(classes)} classes would be left: expected two")
    place = np.full(len(classes), -1)
    place[kept] = np.arange(len(kept))
    rows = np.flatnonzero(place[targets] >= 0)
    if not len(rows):
        raise ValueError("no image is of the classes that would be left")
    return Remaining(
        rows=rows,
        classes=tuple(classes[k] for k in kept),
        probabilities=_renormalised(probabilities[np.ix_(rows, kept)]),
        targets=place[targets[rows]],
        kept=kept,
    )


def judge_without(
    probabilities: Floats,
    targets: Ints,
    *,
    classes: Sequence[str],
    without: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> WithoutClasses:
    """Judge answers without some classes. Arguments as of :func:`remaining` and ``judge``.

    Raises:
        ValueError: As of these two.
    """
    left = remaining(probabilities, targets, classes, without=without)
    answered = probabilities[left.rows].argmax(axis=1)
    right = int((answered == targets[left.rows]).sum())
    return WithoutClasses(
        left_out=tuple(name for name in classes if name in without),
        images=len(targets) - len(left.rows),
        as_answered=wilson(right, len(left.rows), confidence=confidence),
        taken_for_left_out=int((~np.isin(answered, left.kept)).sum()),
        renormalised=judge(
            left.probabilities,
            left.targets,
            classes=left.classes,
            resamples=resamples,
            seed=seed,
            confidence=confidence,
        ),
    )


def _renormalised(probabilities: Floats) -> Floats:
    sums = probabilities.sum(axis=1, keepdims=True)
    scaled: Floats = np.full_like(probabilities, 1 / probabilities.shape[1])
    np.divide(probabilities, sums, out=scaled, where=sums > 0)
    return scaled
