"""What ``headstart train`` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.evaluation import Judgement
from headstart.evaluation.decision_figures import DecisionFigures
from headstart.evaluation.error_analysis import ErrorAnalysis


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes:
        folder: The run's directory.
        test: Judgement of the locked test split.
        validation: Judgement of out-of-fold predictions on train and val.
        notes: What the run decided or found worth saying.
        timings_s: Step -> seconds.
        errors: Where it fails: per class, pair, kind of image; labels that are worth a look.
        decision: What the decision comes to on the test split, if one was asked for.
    """

    folder: Path
    test: Judgement
    validation: Judgement
    notes: tuple[str, ...]
    timings_s: Mapping[str, float]
    errors: ErrorAnalysis | None = None
    decision: DecisionFigures | None = None

    @property
    def bundle(self) -> Path:
        """The deployable model."""
        return self.folder / "bundle"

    @property
    def report(self) -> Path:
        """The report to look at."""
        return self.folder / "report.html"
