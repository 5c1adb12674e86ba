"""All that is known, without fine-tuning, of how well one backbone suits a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart.config import HeadConfig
from headstart.evaluation import Estimate, wilson
from headstart.heads.probe import ProbeTask, predict_held_out
from headstart.selection.neighbours import knn_accuracy
from headstart.selection.transferability import h_scores, log_evidence

SCORING_VERSION = 1
"""Raised whenever the same features would be scored otherwise."""


@dataclass(frozen=True)
class BackboneScores:
    """Scores of one backbone's features on some images.

    Attributes:
        linear: Cross-validated accuracy of a linear head.
        taps: Tap set the linear head takes.
        strength: Its L2 penalty, chosen on the same folds.
        nll: Its cross-validated negative log-likelihood, in nats.
        knn: Cross-validated accuracy of the nearest neighbours by final features.
        log_evidence: LogME of the final features.
        h_score: H-score of the final features.
        shrunk_h_score: The same with a shrunk covariance.
        right: Which images the linear head got right while they were held out, shape (M,).
    """

    linear: Estimate
    taps: str
    strength: float
    nll: float
    knn: Estimate
    log_evidence: float
    h_score: float
    shrunk_h_score: float
    right: npt.NDArray[np.bool_]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values; ``right`` as ones and zeros."""
        return {
            **vars(self),
            "linear": self.linear.to_json(),
            "knn": self.knn.to_json(),
            "right": "".join("01"[answer] for answer in self.right.tolist()),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> BackboneScores:
        """Rebuild scores from :meth:`to_json`."""
        estimates = {name: Estimate(**content[name]) for name in ("linear", "knn")}
        right = np.array([answer == "1" for answer in content["right"]], dtype=bool)
        return cls(**{**content, **estimates, "right": right})


def score_backbone(task: ProbeTask, config: HeadConfig, *, seed: int) -> BackboneScores:
    """Score a backbone's features by everything that needs no fine-tuning.

    Args:
        task: Features of N training images, with targets and groups.
        config: Of the linear head: taps, penalty, folds. ``auto`` means all taps.
        seed: Seed of folds and projections.

    Raises:
        DataError: All images are of one group.
        UnknownNameError: ``config.taps`` names no tap set.
    """
    final = task.layout.columns(task.layout.outputs_of("final"))
    vectors = task.features.read(np.arange(len(task.targets)), final).astype(np.float32)
    knn = knn_accuracy(vectors, task.targets, task.groups, folds=config.folds, seed=seed)
    linear = predict_held_out(task, config, seed=seed, folds=config.folds)
    right = linear.logits.argmax(axis=1) == task.targets[linear.rows]
    separation = h_scores(vectors, task.targets)
    return BackboneScores(
        linear=wilson(int(right.sum()), len(right)),
        taps=linear.candidate.taps,
        strength=linear.candidate.strength,
        nll=linear.candidate.nll,
        knn=knn,
        log_evidence=log_evidence(vectors, task.targets),
        h_score=separation.plain,
        shrunk_h_score=separation.shrunk,
        right=right,
    )
