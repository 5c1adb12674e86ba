"""``headstart decide``: another decision for a finished run, without training again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from headstart.bundle import Bundle, BundleInfo, load_bundle
from headstart.bundle.sealing import copy_changed
from headstart.config import DecisionConfig, build_config
from headstart.errors import ConfigError, DataError
from headstart.evaluation import judge
from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.decision_figures import DecisionFigures, judge_decision
from headstart.evaluation.rejection import Unreached
from headstart.workflows.decision import (
    MadeDecision,
    make_decision,
    plan_rule,
    record_of,
    unreached_words,
)
from headstart.workflows.run_directory import RunDirectory, free_name
from headstart.workflows.run_facts import resampling_of, run_of, settings_of
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import PREDICTIONS, VALIDATION

NAME: Final = "bundle-decided"


@dataclass(frozen=True)
class DecideResult:
    """A decision in a bundle of its own.

    Attributes:
        folder: The new bundle; the old one stays as it is.
        info: What it says.
        decision: The rule, and how its threshold was chosen.
        figures: What it comes to on the run's locked test split; ``None`` for a bundle
            without its run.
    """

    folder: Path
    info: BundleInfo
    decision: MadeDecision
    figures: DecisionFigures | None


def decide(
    run: str | Path,
    *,
    config: DecisionConfig | Mapping[str, Any],
    out: str | Path | None = None,
) -> DecideResult:
    """Make a bundle that decides otherwise.

    The threshold is chosen on the run's held-out answers, and judged once on those to its
    test images. What is not asked for is not kept of the decision that the run was
    trained with.

    Args:
        run: A run's folder, or a bundle in it. A bundle alone will do for priors and costs.
        config: Settings of the section ``decision``.
        out: Folder of the new bundle, which must not exist yet; beside the old one if not
            given.

    Raises:
        ConfigError: There is nothing to decide, or priors or costs are none.
        DataError: No threshold reaches what is wished for, or the run's answers are gone.
        BundleError: The bundle cannot be used.
    """
    settings = _checked(config)
    bundle = load_bundle(run)
    home = _home(Path(run), bundle)
    folder = Path(out) if out else free_name(bundle.folder.parent, NAME)
    classes = bundle.info.classes
    rule = plan_rule(settings, classes, bundle.info.training_priors)
    held_out = _held_out(settings, home, bundle, classes)
    made = make_decision(settings, rule, *held_out)
    if isinstance(made.choice, Unreached):
        raise DataError(f"{unreached_words(made.choice)}. No bundle was written")
    figures, test = _tested(made, home, bundle)
    record = record_of(made, figures, classes)
    with RunDirectory(folder) as whole:
        info = copy_changed(bundle, whole.path, {"decision": record, "test": test})
    return DecideResult(folder, info, made, figures)


def _checked(config: DecisionConfig | Mapping[str, Any]) -> DecisionConfig:
    if not isinstance(config, DecisionConfig):
        config = build_config({"decision": config}).decision
    if config.is_plain:
        raise ConfigError(
            "there is nothing to decide: give --reject precision=0.98 or coverage=0.9, "
            "--priors, or --costs"
        )
    return config


def _home(place: Path, bundle: Bundle) -> Path | None:
    """Return the run whose stored answers are this bundle's, if it lies in one."""
    home = run_of(place)
    return home if home and load_bundle(home).info.files == bundle.info.files else None


def _held_out(
    settings: DecisionConfig, home: Path | None, bundle: Bundle, classes: Sequence[str]
) -> tuple[Floats, Ints]:
    """Return held-out probabilities and targets; none where no threshold is wished for."""
    if settings.reject is None:
        return np.empty((0, len(classes))), np.empty(0, np.int64)
    if home is None or not (home / VALIDATION).is_file():
        raise DataError(
            f"a threshold is chosen on the answers to held-out images, and {bundle.folder} is not "
            f"in a run that has them ({VALIDATION}): give the run's folder, or train again"
        )
    return _labelled(read_answers(home / VALIDATION), classes)


def _tested(
    made: MadeDecision, home: Path | None, bundle: Bundle
) -> tuple[DecisionFigures | None, dict[str, Any]]:
    """Return what a decision comes to on the test split, and the figures of its answers."""
    if home is None or not (home / PREDICTIONS).is_file():
        return None, bundle.info.test
    classes = bundle.info.classes
    answers, targets = _labelled(read_answers(home / PREDICTIONS), classes)
    how = resampling_of(settings_of(home))
    decided = made.rule.apply(load_bundle(home).info.rule().undone(answers))
    judgement = judge(
        decided.probabilities,
        targets,
        classes=classes,
        resamples=how.resamples,
        seed=how.seed,
        confidence=how.confidence,
        said=decided.labels,
    )
    figures = judge_decision(made.rule, decided, targets, classes=classes, resampling=how)
    return figures, judgement.to_json()


def _labelled(found: StoredAnswers, classes: Sequence[str]) -> tuple[Floats, Ints]:
    """Return probabilities in the bundle's order of classes, and targets."""
    position = {name: index for index, name in enumerate(classes)}
    if found.probabilities is None or set(found.classes) != set(classes):
        raise DataError(f"{found.file} has no probability of each class of the bundle")
    order = [found.classes.index(name) for name in classes]
    return found.probabilities[:, order], np.array([position[name] for name in found.labels])
