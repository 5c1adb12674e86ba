"""``headstart errors``: where a finished run's classifier fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.config import JudgementConfig
from headstart.errors import DataError
from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.error_analysis import ErrorAnalysis, analyse_errors
from headstart.evaluation.intervals import Estimate, wilson
from headstart.evaluation.left_out import WithoutClasses, remaining
from headstart.workflows.class_choice import judged_without, named_classes
from headstart.workflows.error_tables import SUSPECTS, read_suspects, write_all
from headstart.workflows.run_directory import RunDirectory
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import StoredRun, read_run
from headstart.workflows.trait_table import TRAITS, read_traits


@dataclass(frozen=True)
class ErrorsResult:
    """Where a finished run's classifier fails.

    Attributes:
        run: The run.
        accuracy: On all its test images.
        analysis: Of these, or of those that ``without`` leaves, answered among the classes
            that it leaves. Doubtful training labels are the whole run's in either case.
        without: Figures without some classes, if that was asked for.
        notes: What could not be said, and why.
        folder: Where the tables were written, if anywhere.
    """

    run: StoredRun
    accuracy: Estimate
    analysis: ErrorAnalysis
    without: WithoutClasses | None = None
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    def to_json(self) -> dict[str, object]:
        """Return the figures as JSON."""
        return {
            "run": str(self.run.folder),
            "accuracy": self.accuracy.to_json(),
            **self.analysis.to_json(),
            **({"without": self.without.to_json()} if self.without else {}),
            "notes": list(self.notes),
        }


def error_analysis(
    run: str | Path, *, without: Sequence[str] = (), out: str | Path | None = None
) -> ErrorsResult:
    """Say where a finished run's classifier fails; no image is read, no model is run.

    Args:
        run: What ``headstart train`` or ``headstart evaluate --out`` wrote.
        without: Classes to leave out: their images, and they as answers.
        out: Folder for ``errors.json``, ``wrong.csv``, ``pairs.csv``, ``classes.csv``,
            ``slices.csv``, ``suspect_labels.csv`` and ``suspect_test_labels.csv``; must
            not exist yet.

    Raises:
        DataError: It is no run, or its tables are damaged.
        UnknownNameError: ``without`` names no class.
        ConfigError: Fewer than two classes would be left, or ``out`` exists.
    """
    stored = read_run(run)
    answers = read_answers(stored.folder)
    told = _Told.of(answers)
    left_out = named_classes(without, told.classes)
    level = _level(stored)
    right = int((told.probabilities.argmax(axis=1) == told.targets).sum())
    result = ErrorsResult(
        run=stored,
        accuracy=wilson(right, len(told.targets), confidence=level),
        analysis=_analysis(stored, told.without(left_out), level),
        without=judged_without(
            told.probabilities,
            told.targets,
            classes=told.classes,
            without=left_out,
            resamples=JudgementConfig().resamples,
            confidence=level,
        ),
        notes=tuple(_notes(stored)),
        folder=Path(out) if out is not None else None,
    )
    if result.folder is not None:
        with RunDirectory(result.folder) as folder:
            write_all(folder.path, result.analysis)
    return result


@dataclass(frozen=True)
class _Told:
    """A run's answers in numbers."""

    images: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Floats
    targets: Ints

    @classmethod
    def of(cls, answers: StoredAnswers) -> _Told:
        if answers.probabilities is None:
            raise DataError(
                f"{answers.file} has no prob_<class> columns, and an error analysis goes by "
                "probabilities: 'headstart evaluate BUNDLE DATA --out FOLDER' writes them"
            )
        unknown = sorted(set(answers.labels) - set(answers.classes))
        if unknown:
            raise DataError(f"{answers.file} has no column prob_{unknown[0]}, which is a label")
        place = {name: k for k, name in enumerate(answers.classes)}
        targets = np.array([place[label] for label in answers.labels], np.int64)
        return cls(answers.paths, answers.classes, answers.probabilities, targets)

    def without(self, left_out: Sequence[str]) -> _Told:
        if not left_out:
            return self
        try:
            left = remaining(self.probabilities, self.targets, self.classes, without=left_out)
        except ValueError as error:
            raise DataError(str(error)) from error
        images = tuple(self.images[row] for row in left.rows.tolist())
        return _Told(images, left.classes, left.probabilities, left.targets)


def _analysis(stored: StoredRun, told: _Told, level: float) -> ErrorAnalysis:
    traits = read_traits(stored.folder, told.images)
    try:
        analysis = analyse_errors(
            told.probabilities,
            told.targets,
            classes=told.classes,
            images=told.images,
            traits=traits.described() if traits else (),
            measured=traits.rows if traits else None,
            confidence=level,
        )
    except ValueError as error:
        raise DataError(f"{stored.folder}: {error}") from error
    return analysis.with_labels(read_suspects(stored.folder))


def _level(stored: StoredRun) -> float:
    judgement = stored.config.get("judgement")
    level = judgement.get("confidence") if isinstance(judgement, dict) else None
    return level if isinstance(level, float) and 0 < level < 1 else JudgementConfig().confidence


def _notes(stored: StoredRun) -> list[str]:
    notes = []
    if not (stored.folder / TRAITS).is_file():
        notes.append(
            f"nothing is said by size, brightness and sharpness: the run has no {TRAITS}; "
            "'headstart evaluate BUNDLE DATA --out FOLDER' writes one"
        )
    if stored.kind == "train" and not (stored.folder / SUSPECTS).is_file():
        notes.append(f"nothing is said of training labels: the run has no {SUSPECTS}")
    return notes
