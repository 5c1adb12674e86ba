"""A run's answers on labelled images as a table: one row an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.evaluation.decision import UNKNOWN, Decided
from headstart.files import write_csv


@dataclass(frozen=True)
class LabelledAnswers:
    """What was said of N labelled images.

    Attributes:
        paths: Name of each inside its source.
        labels: What each is.
        digests: Digest of each one's content.
        classes: Names, K of them.
        decided: What each was called.
    """

    paths: Sequence[str]
    labels: Sequence[str]
    digests: Sequence[str]
    classes: Sequence[str]
    decided: Decided


def write_answers(path: Path, answers: LabelledAnswers) -> None:
    """Write a table that :func:`~headstart.workflows.stored_answers.read_answers` reads."""
    facts = ["path", "true_label", "label", "confidence", "status", "error", "digest"]
    write_csv(path, [*facts, *map("prob_{}".format, answers.classes)], _rows(answers))


def _rows(answers: LabelledAnswers) -> Iterator[list[object]]:
    said = answers.decided
    facts = zip(answers.paths, answers.labels, answers.digests, strict=True)
    for row, (path, label, digest) in enumerate(facts):
        status = UNKNOWN if said.unknown[row] else "ok"
        answer = [answers.classes[said.labels[row]], f"{said.confidence[row]:.6f}", status, ""]
        yield [path, label, *answer, digest, *(f"{p:.6f}" for p in said.probabilities[row])]
