"""The error analysis of a run that is being made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from headstart.config import TrainConfig
from headstart.errors import listed
from headstart.evaluation.calibration import softmax
from headstart.evaluation.error_analysis import (
    ErrorAnalysis,
    LabelCheck,
    analyse_errors,
    check_labels,
)
from headstart.workflows.featured_data import Candidate
from headstart.workflows.judging import Judged
from headstart.workflows.trait_table import TraitTable, measure_traits

_NAMED: Final = 3
"""Pairs of overlapping classes that a note names."""


@dataclass(frozen=True)
class RunErrors:
    """Where a run's classifier fails, and what its test images are like."""

    analysis: ErrorAnalysis
    traits: TraitTable


def find_run_errors(
    probe: Candidate, candidate: Candidate, judged: Judged, config: TrainConfig
) -> RunErrors:
    """Analyse the answers to the test images, and the labels of all others.

    Args:
        probe: The head on the network as it was, cross-validated: it has answered every
            training and validation image while that was held out.
        candidate: What was judged: the probe, or what fine-tuning made of it. A fine-tuned
            network has learned from the training images, so it cannot judge their labels.
        judged: Its answers to the test images.
        config: The run's settings.
    """
    featured, classes = candidate.featured, candidate.fit.head.classes
    tested = featured.data.manifest.take(featured.test)
    traits = measure_traits(tested, max_pixels=config.data.max_pixels)
    analysis = analyse_errors(
        judged.probabilities,
        tested.label_indices(classes),
        classes=classes,
        images=tested.paths,
        traits=traits.described(),
        measured=traits.rows,
        confidence=config.judgement.confidence,
    )
    labels = _label_check(judge_of_labels(probe, candidate))
    return RunErrors(analysis.with_labels(labels), traits)


def judge_of_labels(probe: Candidate, candidate: Candidate) -> Candidate:
    """Return whose held-out answers tell most about labels.

    That is the cross-validated head, unless its network has random weights and knows
    nothing: then it is the trained network, on validation images.
    """
    return candidate if probe.featuriser.weights.origin == "random" else probe


def error_notes(analysis: ErrorAnalysis) -> Iterator[str]:
    """Yield what of an analysis is worth telling at the end of a run."""
    yield from (it.words for it in analysis.shown_slices)
    yield from _label_notes(analysis.labels)


def _label_notes(check: LabelCheck) -> Iterator[str]:
    suspects = len(check.suspects)
    if suspects:
        verb = "is" if suspects == 1 else "are"
        yield (
            f"{suspects:,} of {check.judged:,} training and validation labels {verb} worth a "
            f"look, about {check.expected:.0f} of them expected to be wrong: "
            "suspect_labels.csv names them, nothing was changed"
        )
    if check.overlapping:
        pairs = listed((f"{a} and {b}" for a, b in check.overlapping), limit=_NAMED)
        yield (
            f"whether labels are right cannot be told between {pairs}: the classifier confuses "
            "them too often"
        )


def _label_check(judge: Candidate) -> LabelCheck:
    featured, fit = judge.featured, judge.fit
    held_out = featured.data.manifest.take(featured.pool[fit.held_out_rows])
    return check_labels(
        softmax(fit.held_out_logits, fit.head.temperature),
        held_out.label_indices(fit.head.classes),
        classes=fit.head.classes,
        images=held_out.paths,
        splits=[split or "" for split in held_out.splits],
    )
