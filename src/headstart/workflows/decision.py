"""A decision, from what the user wishes to a rule that goes into the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart.bundle import DecisionRecord, RejectRecord
from headstart.config import DecisionConfig
from headstart.config.class_numbers import ESTIMATE, read_costs, read_priors
from headstart.errors import ConfigError
from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.decision import DecisionRule
from headstart.evaluation.decision_figures import DecisionFigures
from headstart.evaluation.rejection import (
    BOUND_CONFIDENCE,
    Threshold,
    Unreached,
    Wish,
    choose_threshold,
)


@dataclass(frozen=True)
class MadeDecision:
    """A rule, and how its threshold came about.

    Attributes:
        rule: How probabilities become answers.
        choice: How the threshold was chosen, or why there is none; ``None`` where none was
            wished for.
    """

    rule: DecisionRule
    choice: Threshold | Unreached | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user is to know of the choice."""
        if self.choice is None:
            return ()
        if isinstance(self.choice, Unreached):
            return (f"{unreached_words(self.choice)}. So every image gets an answer",)
        return (threshold_words(self.choice),)


def plan_rule(
    config: DecisionConfig, classes: Sequence[str], trained: Mapping[str, float] | None
) -> DecisionRule:
    """Return the rule that settings mean, as yet without a threshold.

    Args:
        config: Of the decision.
        classes: Names, K of them.
        trained: Shares that the probabilities go by; ``None`` where they are not known.

    Raises:
        ConfigError: Priors or costs that are none, or priors without the training shares.
    """
    shares = None if trained is None else np.array([trained[name] for name in classes])
    priors = None if config.priors is None else _priors(config.priors, classes)
    if priors is not None and shares is None:
        raise ConfigError(
            "this bundle does not say which priors it was trained with, so they cannot be "
            "changed: it is of an older headstart; train again"
        )
    costs = None if config.costs is None else read_costs(config.costs, classes)
    return DecisionRule(trained=shares, priors=priors, costs=costs)


def make_decision(
    config: DecisionConfig, rule: DecisionRule, probabilities: Floats, targets: Ints
) -> MadeDecision:
    """Choose the threshold that is wished for, if one is.

    Args:
        config: Of the decision.
        rule: From :func:`plan_rule`.
        probabilities: Calibrated, of held-out images, before the rule, shape (N, K).
        targets: Their true classes, shape (N,).
    """
    if config.reject is None:
        return MadeDecision(rule)
    decided = rule.apply(probabilities)
    choice = choose_threshold(
        decided.confidence, decided.right(targets), wish_of(config), weights=rule.weights(targets)
    )
    threshold = choice.value if isinstance(choice, Threshold) else 0.0
    return MadeDecision(replace(rule, threshold=threshold), choice)


def wish_of(config: DecisionConfig) -> Wish:
    """Return what a threshold is to reach; settings without a wish have none to return."""
    assert config.reject is not None, "no threshold was wished for"
    if config.reject.precision is not None:
        return Wish("precision", config.reject.precision, config.assurance)
    assert config.reject.coverage is not None, "one of the two is always given"
    return Wish("coverage", config.reject.coverage, config.assurance)


def record_of(
    made: MadeDecision, figures: DecisionFigures | None, classes: Sequence[str]
) -> DecisionRecord | None:
    """Return what the bundle says of a decision; ``None``: nothing was decided.

    Args:
        made: The decision.
        figures: What it came to on the locked test split.
        classes: Names, K of them.
    """
    rule = made.rule
    if rule.is_plain:
        return None
    return DecisionRecord(
        priors=None if rule.priors is None else by_class(rule.priors, classes),
        costs=None if rule.costs is None else tuple(map(tuple, rule.costs.tolist())),
        reject=_reject_record(made.choice) if isinstance(made.choice, Threshold) else None,
        test=figures.to_json() if figures else {},
    )


def by_class(shares: Floats, classes: Sequence[str]) -> dict[str, float]:
    """Return numbers under their classes' names."""
    return dict(zip(classes, shares.tolist(), strict=True))


def threshold_words(choice: Threshold) -> str:
    """Return how a threshold was chosen, in a sentence."""
    wish, found = choice.wish, choice.chosen_on
    level = f"{100 * (wish.assurance or BOUND_CONFIDENCE):g} %"
    if wish.target == "precision" and wish.assurance:
        sure = f"new images like these reach {wish.share:g} with {level} assurance"
    else:
        sure = (
            f"on new images like these the {wish.target} is at least {choice.bound:.3f} ({level})"
        )
    return (
        f"answers below a confidence of {choice.value:.4f} are 'unknown', for {wish}: "
        f"of {found.n:,} held-out images {found.answered:,} get an answer (coverage "
        f"{found.coverage}), of these right {found.precision}; {sure}"
    )


def unreached_words(choice: Unreached) -> str:
    """Return why there is no threshold, and what to do."""
    mend = "wish for less"
    if choice.wish.assurance is not None:
        mend += ", for less assurance (--assurance none: as it comes out on these)"
    return f"{choice}; {mend}, or train with more images"


def _priors(given: str | Mapping[str, float], classes: Sequence[str]) -> Floats:
    if given == ESTIMATE:
        raise ConfigError(
            "priors 'estimate' are those of the images at hand, so they go with predict and "
            "evaluate: give shares here, such as a=0.7,b=0.3, or equal"
        )
    return read_priors(given, classes)


def _reject_record(choice: Threshold) -> RejectRecord:
    return RejectRecord(
        target=choice.wish.target,
        share=choice.wish.share,
        assurance=choice.wish.assurance,
        threshold=choice.value,
        bound=choice.bound,
        validation=choice.chosen_on.to_json(),
    )
