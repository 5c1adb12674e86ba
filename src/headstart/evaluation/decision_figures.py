"""What a decision came to on labelled images: given answers, mistakes' costs, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.evaluation.bootstrap import Resampling, resample_counts
from headstart.evaluation.counts import Bools, Floats, Ints
from headstart.evaluation.decision import Decided, DecisionRule, answer_costs
from headstart.evaluation.intervals import Estimate, percentile_interval
from headstart.evaluation.rejection import Selective, judge_selection


@dataclass(frozen=True)
class DecisionFigures:
    """A decision on N labelled images; under other priors these are weighted to have them.

    Attributes:
        answers: How many answers are given, and how many of these are right.
        by_class: Class -> the same for the images that are of it: its share of ``precision``
            is the share of the answers given on them that is right.
        cost: Mean cost of an answer, all of them given; ``None`` where all mistakes cost
            the same.
        plain_cost: The same, had each image been called its most probable class.
    """

    answers: Selective
    by_class: dict[str, Selective]
    cost: Estimate | None = None
    plain_cost: Estimate | None = None

    def to_json(self) -> dict[str, object]:
        """Return the figures, as ``metrics.json`` holds them."""
        costs = {"cost": self.cost, "plain_cost": self.plain_cost}
        return {
            **self.answers.to_json(),
            **{name: value.to_json() for name, value in costs.items() if value},
            "by_class": {name: found.to_json() for name, found in self.by_class.items()},
        }


def judge_decision(
    rule: DecisionRule,
    decided: Decided,
    targets: Ints,
    *,
    classes: Sequence[str],
    resampling: Resampling,
) -> DecisionFigures:
    """Say what a rule comes to.

    Args:
        rule: How probabilities became answers.
        decided: The answers, N above 0.
        targets: True classes, shape (N,).
        classes: Their names, K of them.
        resampling: How the intervals of costs are drawn.
    """
    weights, level = rule.weights(targets), resampling.confidence
    right = decided.right(targets)

    def selection(rows: Bools) -> Selective:
        return judge_selection(
            decided.confidence[rows],
            right[rows],
            rule.threshold,
            weights=None if weights is None else weights[rows],
            level=level,
        )

    costs: list[Estimate | None] = [None, None]
    if rule.costs is not None:
        plain = decided.probabilities.argmax(axis=1)
        costs = [
            _mean(answer_costs(rule.costs, labels, targets), weights, rule.costs, resampling)
            for labels in (decided.labels, plain)
        ]
    return DecisionFigures(
        answers=selection(np.ones(len(targets), np.bool_)),
        by_class={name: selection(targets == index) for index, name in enumerate(classes)},
        cost=costs[0],
        plain_cost=costs[1],
    )


def _mean(
    values: Floats, weights: Floats | None, costs: Floats, resampling: Resampling
) -> Estimate:
    """Return a weighted mean with its bootstrap interval."""
    mass = np.ones(len(values)) if weights is None else weights
    draws = resample_counts(len(values), resamples=resampling.resamples, seed=resampling.seed)
    replicates = np.concatenate(
        [(counts @ (mass * values)) / np.maximum(counts @ mass, 1e-12) for counts in draws]
    )
    return percentile_interval(
        float(mass @ values / mass.sum()),
        replicates,
        n=len(values),
        worst=float(costs.max()),
        confidence=resampling.confidence,
    )
