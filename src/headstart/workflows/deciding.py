"""Predicting with other priors or costs than the bundle's, or with no answer left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from headstart.config.class_numbers import ESTIMATE, read_costs, read_priors
from headstart.errors import ConfigError
from headstart.evaluation.counts import Floats
from headstart.evaluation.decision import DecisionRule
from headstart.evaluation.priors import PriorEstimate, estimate_priors
from headstart.progress import Progress
from headstart.serving.predictor import Prediction, Predictor

ByClass: TypeAlias = "str | Path | Mapping[str, Any]"
"""Numbers by class: ``a=0.7,b=0.3``, a file, or a mapping."""
Streamer: TypeAlias = Callable[[Predictor], Iterable[Prediction]]

TRAINING: Final = "training"
_SHOWN: Final = 20


@dataclass(frozen=True)
class DecisionChanges:
    """What is to be decided otherwise than a bundle says.

    Attributes:
        priors: Shares of the classes, ``"training"`` or ``"estimate"``; ``None``: as it says.
        costs: What mistakes cost; ``None``: as it says.
        answer_all: Whether its threshold is left out.
    """

    priors: ByClass | None = None
    costs: ByClass | None = None
    answer_all: bool = False

    @property
    def estimates(self) -> bool:
        """Whether priors are to come from the images themselves."""
        return isinstance(self.priors, str) and self.priors.strip().lower() == ESTIMATE

    def rule(self, predictor: Predictor) -> DecisionRule:
        """Return a predictor's rule with the changes, but for estimated priors.

        Raises:
            ConfigError: Priors or costs that are none, or the bundle does not know those
                that it was trained with.
            UnknownNameError: A class is none of the bundle's.
        """
        classes, rule = predictor.bundle.info.classes, predictor.rule
        if self.costs is not None:
            rule = replace(rule, costs=read_costs(self.costs, classes))
        if self.answer_all:
            rule = replace(rule, threshold=0.0)
        if self.priors is None or self.estimates:
            return rule
        if self.priors == TRAINING:
            return replace(rule, priors=None)
        return replace(
            rule, trained=trained_with(predictor), priors=read_priors(self.priors, classes)
        )


def predict_deciding(
    predictor: Predictor, changes: DecisionChanges, stream: Streamer, progress: Progress
) -> tuple[Predictor, list[Prediction]]:
    """Predict, with what is to be decided otherwise.

    Args:
        predictor: As it was loaded.
        changes: What is to be otherwise.
        stream: Predicts everything with the predictor it is given.
        progress: Who is told of estimated priors, and of a threshold that was chosen under
            others.

    Returns:
        The predictor that decides so, and its predictions.

    Raises:
        ConfigError: See :meth:`DecisionChanges.rule`.
    """
    if not changes.estimates:
        chosen = decide_beforehand(predictor, changes, progress)
        return chosen, list(stream(chosen))
    rule = changes.rule(predictor)
    _say_if_moved(predictor, changes, rule, progress)
    trained = trained_with(predictor)
    plain = list(stream(predictor.deciding(DecisionRule())))
    sound = [p.probabilities for p in plain if p.status != "error"]
    if sound:
        found = estimate_priors(np.stack(sound).astype(np.float64), trained=trained)
        for line in estimate_lines(found, trained, predictor.bundle.info.classes):
            progress.say(line)
        rule = replace(rule, trained=trained, priors=found.priors)
    chosen = predictor.deciding(rule)
    return chosen, [chosen.redecide(prediction) for prediction in plain]


def decide_beforehand(
    predictor: Predictor, changes: DecisionChanges, progress: Progress
) -> Predictor:
    """Return a predictor with changes that need no look at the images: no estimated priors.

    Raises:
        ConfigError: See :meth:`DecisionChanges.rule`.
    """
    assert not changes.estimates, "estimated priors need all images"
    rule = changes.rule(predictor)
    _say_if_moved(predictor, changes, rule, progress)
    return predictor.deciding(rule)


def trained_with(predictor: Predictor) -> Floats:
    """Return the shares that a bundle's probabilities go by, shape (K,).

    Raises:
        ConfigError: It does not say.
    """
    if predictor.rule.trained is None:
        raise ConfigError(
            f"{predictor.bundle.folder} does not say which priors it was trained with, so they "
            "cannot be changed: it is of an older headstart; train again"
        )
    return predictor.rule.trained


def estimate_lines(found: PriorEstimate, trained: Floats, classes: Sequence[str]) -> list[str]:
    """Return estimated priors beside those of training, in lines for a terminal."""
    title = f"priors estimated from {found.n:,} images [95 % interval], then training's"
    lines = [f"{title}; the same as training's? p = {found.p_value:.2g}"]
    order = np.argsort(-found.priors, kind="stable")[:_SHOWN].tolist()
    lines += [f"  {classes[k]:<20.20} {found.intervals[k]}  {trained[k]:.3f}" for k in order]
    if len(classes) > _SHOWN:
        lines.append(f"  and {len(classes) - _SHOWN} rarer classes")
    return lines


def _say_if_moved(
    predictor: Predictor, changes: DecisionChanges, rule: DecisionRule, progress: Progress
) -> None:
    if rule.threshold > 0 and (changes.priors is not None or changes.costs is not None):
        progress.say(
            f"the threshold of {rule.threshold:.4f} was chosen under the bundle's own priors and "
            "costs: what it reaches under others is not known; 'headstart decide RUN' with "
            "--reject, --priors and --costs chooses it anew"
        )
