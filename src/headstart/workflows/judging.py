"""The judgement of a run's classifier: once on the locked test split, and on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headstart.config import TrainConfig
from headstart.evaluation import Judgement, judge
from headstart.evaluation.calibration import softmax
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeFit
from headstart.workflows.featured_data import Candidate

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Probabilities on the test split, and both judgements."""

    probabilities: Probabilities
    test: Judgement
    validation: Judgement


def judge_candidate(candidate: Candidate, config: TrainConfig) -> Judged:
    """Look at the test split.

    Args:
        candidate: What every choice ended in.
        config: The run's settings.
    """
    featured, fit = candidate.featured, candidate.fit
    layout = candidate.featuriser.graph.layout
    test_logits = fit.head.logits(featured.features, featured.test, layout)
    targets = featured.targets
    held_out = featured.pool[fit.held_out_rows]
    return Judged(
        probabilities=softmax(test_logits, fit.head.temperature),
        test=_judgement(test_logits, targets[featured.test], fit, config),
        validation=_judgement(fit.held_out_logits, targets[held_out], fit, config),
    )


def _judgement(
    logits: Probabilities, targets: Indices, fit: ProbeFit, config: TrainConfig
) -> Judgement:
    settings = config.judgement
    return judge(
        softmax(logits, fit.head.temperature),
        targets,
        classes=fit.head.classes,
        resamples=settings.resamples,
        seed=config.seed,
        confidence=settings.confidence,
        uncalibrated=softmax(logits),
    )
