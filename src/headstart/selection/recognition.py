"""What a pretrained network already calls the images, in its own words.

Nothing is trained: the network's own logits are read, and counted class by class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.evaluation.calibration import softmax
from headstart.heads.folds import Indices

LABELS_SHOWN = 5
HALF = 0.5
"""Share of images with one label, and mean confidence, from which a class counts as known."""
UNSURE = 0.2
"""Mean confidence below which the network knows nothing like a class: textiles get .05."""

Probabilities = npt.NDArray[np.float32]
_CHUNK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class LabelShare:
    """One of the network's labels on one class of images.

    Attributes:
        label: The network's word.
        share: Share of the class's images that the network calls so first of all.
        confidence: Mean probability of the label over all the class's images.
        rows: Positions of the images called so, the surest first.
    """

    label: str
    share: float
    confidence: float
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClassAnswers:
    """What the network answers on one class of images.

    Attributes:
        name: The user's class.
        images: How many images were looked at.
        labels: The commonest first answers, at most :data:`LABELS_SHOWN`.
        confidence: Mean probability of the first answer, 0 to 1.
        spread: Effective number of first answers, ``exp`` of their entropy: 1 where the
            network always gives the same, about the number of images where it guesses.
        entropy: That entropy over the largest possible with so many images and
            labels, 0 (always the same) to 1 (always another).
    """

    name: str
    images: int
    labels: tuple[LabelShare, ...]
    confidence: float
    spread: float
    entropy: float

    @property
    def consistency(self) -> float:
        """Share of images that get the commonest first answer."""
        return self.labels[0].share


@dataclass(frozen=True, slots=True)
class Answers:
    """The network's first answers on all images.

    Attributes:
        first: Its first answer for each image, as a position among its labels, shape (N,).
        sure: Probability of that answer, shape (N,).
        per_class: The same, class by class.
    """

    first: Indices
    sure: Probabilities
    per_class: tuple[ClassAnswers, ...]

    @property
    def confidence(self) -> float:
        """Mean probability of the first answer over all images."""
        return float(self.sure.mean())

    @property
    def consistency(self) -> float:
        """Mean over classes of the commonest first answer's share."""
        return float(np.mean([found.consistency for found in self.per_class]))


def read_answers(
    logits: npt.NDArray[np.floating],
    targets: Indices,
    *,
    classes: Sequence[str],
    labels: Sequence[str],
) -> Answers:
    """Count what a network calls the images of each class.

    Args:
        logits: The network's own outputs, shape (N, L).
        targets: Class of each image, shape (N,).
        classes: The user's class names; those without images are left out.
        labels: What the L outputs mean.
    """
    probabilities = _probabilities(logits)
    first = probabilities.argmax(axis=1).astype(np.int64)
    sure = probabilities[np.arange(len(first)), first]
    per_class = tuple(
        _class_answers(name, np.flatnonzero(targets == index), probabilities, first, labels)
        for index, name in enumerate(classes)
        if (targets == index).any()
    )
    return Answers(first, sure, per_class)


def verdict(found: ClassAnswers) -> str:
    """Return in a word or two how well the network knows one class of images."""
    if found.confidence < UNSURE:
        return "hardly known"
    if found.consistency >= HALF:
        return "known" if found.confidence >= HALF else "known, unsurely"
    return "several things" if found.confidence >= HALF else "unsure"


def label_skill(first: Indices, targets: Indices) -> float:
    """Return how well the network's label alone tells the user's class, 0 to 1.

    Each image is given the class that most *other* images with its label have, or the
    largest class where it is the only one with it. The share right is set against
    always naming the largest class, so that a network that calls everything "velvet"
    scores 0 however consistent it is.

    Args:
        first: First answer for each image, shape (N,).
        targets: Class of each image, shape (N,).
    """
    counts = np.zeros((int(first.max()) + 1, int(targets.max()) + 1), dtype=np.int64)
    np.add.at(counts, (first, targets), 1)
    others = counts[first]
    others[np.arange(len(first)), targets] -= 1
    largest = int(counts.sum(axis=0).argmax())
    named = np.where(others.any(axis=1), others.argmax(axis=1), largest)
    right, base = (named == targets).mean(), (targets == largest).mean()
    return float(max(0.0, (right - base) / (1 - base))) if base < 1 else 0.0


def top_labels(
    logits: npt.NDArray[np.floating], labels: Sequence[str], *, most: int = LABELS_SHOWN
) -> list[list[tuple[str, float]]]:
    """Return each image's likeliest labels with their probabilities, the likeliest first.

    Args:
        logits: Shape (N, L).
        labels: What the L outputs mean.
        most: Labels an image.
    """
    probabilities = _probabilities(logits)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :most]
    return [
        [(labels[column], float(probabilities[row, column])) for column in columns]
        for row, columns in enumerate(order.tolist())
    ]


def _probabilities(logits: npt.NDArray[np.floating]) -> Probabilities:
    result = np.empty(logits.shape, dtype=np.float32)
    for start in range(0, len(logits), _CHUNK_ROWS):
        part = slice(start, start + _CHUNK_ROWS)
        result[part] = softmax(logits[part].astype(np.float64))
    return result


def _class_answers(
    name: str, rows: Indices, probabilities: Probabilities, first: Indices, labels: Sequence[str]
) -> ClassAnswers:
    said, counts = np.unique(first[rows], return_counts=True)
    means = probabilities[rows].mean(axis=0)
    order = np.lexsort((-means[said], -counts))
    shares = counts / len(rows)
    entropy = float(-(shares * np.log(shares)).sum())
    most = np.log(min(len(rows), probabilities.shape[1]))
    return ClassAnswers(
        name=name,
        images=len(rows),
        labels=tuple(
            LabelShare(
                labels[said[i]],
                float(shares[i]),
                float(means[said[i]]),
                _surest(rows[first[rows] == said[i]], probabilities[:, said[i]]),
            )
            for i in order[:LABELS_SHOWN]
        ),
        confidence=float(probabilities[rows, first[rows]].mean()),
        spread=float(np.exp(entropy)),
        entropy=entropy / float(most) if most else 0.0,
    )


def _surest(rows: Indices, probability: Probabilities) -> tuple[int, ...]:
    return tuple(rows[np.argsort(-probability[rows], kind="stable")].tolist())
