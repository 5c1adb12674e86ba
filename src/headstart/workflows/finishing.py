"""The end of a run: everything on disk besides the bundle, and what is returned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.bundle import BundleInfo
from headstart.config import TrainConfig
from headstart.progress import Progress
from headstart.workflows.environment import describe_environment
from headstart.workflows.featured_data import Candidate
from headstart.workflows.geometry_choice import GeometryChoice
from headstart.workflows.judging import Judged
from headstart.workflows.recording import RunRecord, write_record
from headstart.workflows.run_errors import RunErrors, error_notes
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.train_result import TrainResult


@dataclass(frozen=True)
class Outcome:
    """What a run ended in.

    Attributes:
        source: What the user pointed at.
        candidate: The classifier that was kept.
        judged: Its figures.
        choice: How images became squares, and why.
        bundle: What was written for deployment.
        errors: Where it fails.
        on_the_way: What happened to the run before it got here.
        recipe: The published plan it followed; empty for none.
    """

    source: str
    candidate: Candidate
    judged: Judged
    choice: GeometryChoice
    bundle: BundleInfo
    errors: RunErrors
    on_the_way: tuple[str, ...] = ()
    recipe: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the run decided or found worth saying."""
        candidate = self.candidate
        return (
            *candidate.featured.data.notes,
            *candidate.featuriser.notes,
            self.choice.words,
            *candidate.fit.notes,
            *self.judged.decision.notes,
            *self.on_the_way,
            *error_notes(self.errors.analysis),
        )


def finish(
    outcome: Outcome,
    config: TrainConfig,
    folder: Path,
    target: Path,
    watch: Stopwatch,
    progress: Progress,
) -> TrainResult:
    """Write tables, figures and the report.

    Args:
        outcome: What to write.
        config: The run's settings.
        folder: Where its files are for now.
        target: Where they will be.
        watch: The run's clock, read last.
        progress: Who is told.
    """
    with progress.wait("writing the report"):
        timings = write_record(folder, _record(outcome, config, target), watch)
    judged = outcome.judged
    rule = judged.decision.rule
    figures = None if rule.is_plain else judged.figures
    return TrainResult(
        target,
        judged.test,
        judged.validation,
        outcome.notes,
        timings,
        outcome.errors.analysis,
        figures,
    )


def _record(outcome: Outcome, config: TrainConfig, target: Path) -> RunRecord:
    featured, judged = outcome.candidate.featured, outcome.judged
    return RunRecord(
        title=target.name,
        source=outcome.source,
        config=config,
        data=featured.data,
        test_rows=featured.test,
        judged=judged,
        fit=outcome.candidate.fit,
        bundle=outcome.bundle,
        notes=outcome.notes,
        environment=_environment(outcome),
        errors=outcome.errors,
    )


def _environment(outcome: Outcome) -> dict[str, object]:
    candidate, featuriser = outcome.candidate, outcome.candidate.featuriser
    return {
        **describe_environment(outcome.source),
        "recipe": outcome.recipe or None,
        "kept": candidate.kept,
        "engine": featuriser.engine_name,
        "precision": featuriser.precision,
        "weights": featuriser.weights.to_json(),
        "agreement_with_f32": candidate.featured.agreement,
        "forward_passes": candidate.featured.computed,
    }
