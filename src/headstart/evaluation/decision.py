"""From probabilities to answers: priors, costs of mistakes, and what is too unsure to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from headstart.evaluation.counts import Bools, Floats, Ints
from headstart.evaluation.priors import adjust_priors

UNKNOWN: Final = "unknown"
"""The status, and where there is no status the label, of an answer that is not given."""


@dataclass(frozen=True)
class Decided:
    """What N images are said to be.

    Attributes:
        probabilities: Under the priors that were decided by, shape (N, K).
        labels: The class that each would be called, shape (N,), values in [0, K).
        confidence: Its probability, shape (N,).
        unknown: Whether that is too low for an answer, shape (N,).
    """

    probabilities: Floats = field(compare=False)
    labels: Ints = field(compare=False)
    confidence: Floats = field(compare=False)
    unknown: Bools = field(compare=False)

    def right(self, targets: Ints) -> Bools:
        """Return whether each label is the true one, answered or not, shape (N,)."""
        return np.asarray(self.labels == targets, np.bool_)


@dataclass(frozen=True)
class DecisionRule:
    """How probabilities become answers.

    Attributes:
        trained: Share of each class among the training images, shape (K,); ``None`` where
            that is not known, and then priors cannot be changed.
        priors: Share of each class where the answers are used, shape (K,); ``None``: as in
            training.
        costs: What it costs to call an image of one class (row) another (column), shape
            (K, K); ``None``: every mistake costs the same.
        threshold: Answers less confident are not given; 0 gives all.
    """

    trained: Floats | None = field(default=None, compare=False)
    priors: Floats | None = field(default=None, compare=False)
    costs: Floats | None = field(default=None, compare=False)
    threshold: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether each image is called its most probable class, always."""
        return self.priors is None and self.costs is None and self.threshold <= 0

    def apply(self, probabilities: Floats) -> Decided:
        """Decide.

        With costs the class of least expected cost is named (Elkan, "The foundations of
        cost-sensitive learning", IJCAI 2001), which need not be the most probable one.

        Args:
            probabilities: Calibrated, under the training shares, shape (N, K).
        """
        known = self.probabilities(probabilities)
        labels = known.argmax(axis=1) if self.costs is None else (known @ self.costs).argmin(axis=1)
        confidence = known[np.arange(len(known)), labels]
        return Decided(
            probabilities=known,
            labels=labels.astype(np.int64),
            confidence=confidence,
            unknown=np.asarray(confidence < self.threshold, np.bool_),
        )

    def probabilities(self, probabilities: Floats) -> Floats:
        """Return probabilities under the priors, shape (N, K)."""
        if self.priors is None:
            return probabilities
        assert self.trained is not None, "priors without the training shares"
        return adjust_priors(probabilities, trained=self.trained, new=self.priors)

    def undone(self, probabilities: Floats) -> Floats:
        """Return what :meth:`probabilities` was given, from what it returned."""
        if self.priors is None:
            return probabilities
        assert self.trained is not None, "priors without the training shares"
        return adjust_priors(probabilities, trained=self.priors, new=self.trained)

    def weights(self, targets: Ints) -> Floats | None:
        """Return how much each image counts so that classes have the shares of the priors.

        Args:
            targets: True classes, shape (N,).

        Returns:
            Weights of mean 1 where every class occurs, shape (N,); ``None``: all the same.
        """
        if self.priors is None:
            return None
        shares = np.bincount(targets, minlength=len(self.priors)) / max(len(targets), 1)
        return np.asarray((self.priors / np.where(shares > 0, shares, 1.0))[targets], np.float64)


def answer_costs(costs: Floats, labels: Ints, targets: Ints) -> Floats:
    """Return what each answer cost, shape (N,).

    Args:
        costs: Of shape (K, K), true classes in rows.
        labels: What each image was called, shape (N,).
        targets: What it is, shape (N,).
    """
    return np.asarray(costs[targets, labels], np.float64)
