"""What a search came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.config.search_space import Space, Value, shown
from headstart.selection.study import TrialRecord
from headstart.workflows.contest import Contest
from headstart.workflows.train_result import TrainResult
from headstart.workflows.tune_record import Metric

METRIC_NAMES: Mapping[str, str] = {
    "log-loss": "log loss",
    "accuracy": "accuracy",
    "f1": "macro F1",
}


@dataclass(frozen=True)
class TuneResult:
    """A finished search.

    Attributes:
        folder: The search's.
        run: The run that the winner was retrained in, judged on the locked test split.
        trials: All of them; the first is the default configuration's.
        space: What was searched.
        metric: What for.
        best: The best trial.
        contest: The best trial's model against the default's, on images that neither
            learned from; ``None`` where the default is the best.
        fresh: Whether on folds that no trial was judged on.
        importances: Setting -> share of what the trials' order is explained by.
        notes: What is worth knowing.
        seconds: All trials took.
        timings_s: Step of this command -> seconds; the trials of a search that was stopped
            before are in ``seconds`` alone.
    """

    folder: Path
    run: TrainResult
    trials: tuple[TrialRecord, ...]
    space: Space
    metric: Metric
    best: TrialRecord
    contest: Contest | None
    fresh: bool
    importances: Mapping[str, float]
    notes: tuple[str, ...]
    seconds: float
    timings_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def default(self) -> TrialRecord:
        """Trial 0."""
        return self.trials[0]

    @property
    def keeps_default(self) -> bool:
        """Whether nothing better was found than what there was."""
        return self.contest is None or not self.contest.wins

    @property
    def winner(self) -> TrialRecord:
        """The trial whose configuration was retrained."""
        return self.default if self.keeps_default else self.best

    @property
    def headline(self) -> str:
        """Who wins, and how sure that is, in a sentence."""
        if self.contest is None:
            return f"no trial of {len(self.trials)} was better than the default"
        where = "on other folds" if self.fresh else f"p times {self.seen} trials"
        figures = f"{self.contest.figures}; {where}"
        if self.keeps_default:
            return (
                f"the default is kept: trial {self.best.number}'s lead is no more than chance "
                f"explains: {figures}"
            )
        return f"trial {self.best.number} is better than the default: {figures}"

    @property
    def seen(self) -> int:
        """Trials that were seen to the end."""
        return sum(trial.state == "complete" for trial in self.trials)

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Return all trials as a table: its header and its rows."""
        paths = [dimension.path for dimension in self.space]
        return trial_table(self.trials, paths)

    def to_json(self) -> dict[str, Any]:
        """Return what was found, as JSON holds it."""
        return {
            "schema": 1,
            "metric": self.metric,
            "trials": len(self.trials),
            "seen_to_the_end": self.seen,
            "seconds": round(self.seconds, 3),
            "timings_s": dict(self.timings_s),
            "default": _figures(self.default),
            "best": {"trial": self.best.number, **_figures(self.best)},
            "keeps_default": self.keeps_default,
            "verdict": self.headline,
            "winner": dict(self.winner.values) if not self.keeps_default else {},
            "importances": dict(self.importances),
            "space": {dimension.path: dimension.to_json() for dimension in self.space},
            "run": self.run.folder.name,
            "test": self.run.test.to_json(),
            "notes": list(self.notes),
        }


FIGURES = ("log-loss", "accuracy", "f1")


def trial_table(
    trials: tuple[TrialRecord, ...], paths: list[str]
) -> tuple[list[str], list[list[object]]]:
    """Return trials as a table: its header and its rows.

    Args:
        trials: In order.
        paths: Settings that were searched, a column each.
    """
    header = ["trial", "state", *FIGURES, "images", "seconds", "epochs", "choice", *paths]
    return header, [list(_cells(trial, paths)) for trial in trials]


def _cells(trial: TrialRecord, paths: list[str]) -> Iterator[object]:
    yield from (trial.number, trial.state)
    for name in FIGURES:
        figure = trial.facts.get(name)
        yield "" if figure is None else f"{figure:.6f}"
    yield from (trial.facts.get("images", ""), f"{trial.seconds:.3f}", len(trial.epochs) or "")
    yield trial.facts.get("choice") or trial.facts.get("reason", "")
    yield from (_cell(trial.values, path) for path in paths)


def _cell(values: Mapping[str, Value], path: str) -> str:
    return shown(values[path]) if path in values else ""


def _figures(trial: TrialRecord) -> dict[str, Any]:
    return {name: trial.facts[name] for name in FIGURES}
