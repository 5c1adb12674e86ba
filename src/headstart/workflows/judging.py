"""The judgement of a run's classifier: once on the locked test split, and on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.config import TrainConfig
from headstart.evaluation import Judgement, judge
from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.calibration import softmax
from headstart.evaluation.decision import Decided, DecisionRule
from headstart.evaluation.decision_figures import DecisionFigures, judge_decision
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeFit
from headstart.workflows.decision import MadeDecision, make_decision, plan_rule
from headstart.workflows.featured_data import Candidate
from headstart.workflows.tuning_config import planned_phases

Probabilities = npt.NDArray[np.float64]

DIGITS: Final = 6
"""Of a stored probability: a decision made later, from the files, is the same."""


@dataclass(frozen=True)
class Judged:
    """Answers on the test split and on held-out images, and both judgements.

    Attributes:
        probabilities: On the test split, before any decision, shape (N, K).
        test: Judgement of the answers on the test split.
        validation: Judgement of those on held-out images.
        training_priors: Class -> share that the probabilities go by.
        decision: How probabilities become answers, chosen on held-out images.
        decided: The answers on the test split.
        figures: What the decision comes to there.
        held_out_rows: Rows of the manifest that were predicted while held out, shape (M,).
        held_out: Their probabilities, before any decision, shape (M, K).
    """

    probabilities: Probabilities
    test: Judgement
    validation: Judgement
    training_priors: dict[str, float]
    decision: MadeDecision
    decided: Decided
    figures: DecisionFigures
    held_out_rows: Indices
    held_out: Probabilities


def judge_candidate(candidate: Candidate, config: TrainConfig) -> Judged:
    """Decide by held-out answers, then look at the test split.

    Args:
        candidate: What every choice ended in.
        config: The run's settings.
    """
    featured, fit = candidate.featured, candidate.fit
    targets = featured.targets
    held_out = featured.pool[fit.held_out_rows]
    shares = training_priors(candidate, config)
    known = softmax(fit.held_out_logits, fit.head.temperature)
    rule = plan_rule(config.decision, fit.head.classes, shares)
    made = make_decision(config.decision, rule, known.round(DIGITS), targets[held_out])
    test_logits = fit.head.logits(
        featured.features, featured.test, candidate.featuriser.graph.layout
    )
    probabilities = softmax(test_logits, fit.head.temperature)
    decided = made.rule.apply(probabilities)
    return Judged(
        probabilities=probabilities,
        test=_judgement(test_logits, targets[featured.test], made.rule, fit, config),
        validation=_judgement(fit.held_out_logits, targets[held_out], made.rule, fit, config),
        training_priors=shares,
        decision=made,
        decided=decided,
        figures=judge_decision(
            made.rule,
            decided,
            targets[featured.test],
            classes=fit.head.classes,
            resampling=Resampling(
                resamples=config.judgement.resamples,
                seed=config.seed,
                confidence=config.judgement.confidence,
            ),
        ),
        held_out_rows=held_out,
        held_out=known,
    )


def training_priors(candidate: Candidate, config: TrainConfig) -> dict[str, float]:
    """Return class -> share that a classifier's probabilities go by.

    That is its share of the images that were learned from, unless training counted every
    class the same.
    """
    manifest = candidate.featured.data.manifest
    counts = manifest.take(manifest.rows_in(*candidate.learned_from)).class_counts()
    balanced = _counts_classes_the_same(candidate, config)
    weights = {name: 1 if balanced else max(counts.get(name, 0), 1) for name in manifest.classes}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def _counts_classes_the_same(candidate: Candidate, config: TrainConfig) -> bool:
    phases = planned_phases(config)
    if "val" in candidate.learned_from or not phases:  # the head, or a plan that goes by it
        return config.head.class_weight == "balanced"
    return "balanced" in (phases[-1].loss.class_weight, phases[-1].sampling)


def _judgement(
    logits: Probabilities,
    targets: Indices,
    rule: DecisionRule,
    fit: ProbeFit,
    config: TrainConfig,
) -> Judgement:
    settings = config.judgement
    decided = rule.apply(softmax(logits, fit.head.temperature))
    return judge(
        decided.probabilities,
        targets,
        classes=fit.head.classes,
        resamples=settings.resamples,
        seed=config.seed,
        confidence=settings.confidence,
        uncalibrated=rule.probabilities(softmax(logits)),
        said=decided.labels,
    )
