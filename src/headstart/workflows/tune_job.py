"""One search, step by step: trials, a last comparison, the winner's run, the page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import numpy as np

from headstart.backbones.layout import FeatureLayout
from headstart.config import TrainConfig
from headstart.config.search_space import Dimension, Space, parse_space
from headstart.errors import DataError
from headstart.files import write_csv
from headstart.heads.folds import Indices
from headstart.progress import Progress
from headstart.selection.importance import importances
from headstart.selection.search_spaces import HEAD_SPACE, Candidates
from headstart.selection.study import Study, TrialRecord
from headstart.workflows.contest import Contest
from headstart.workflows.run_directory import free_name
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.train import train
from headstart.workflows.tune_data import TuneData, load_data
from headstart.workflows.tune_fine_trials import TuningTrials
from headstart.workflows.tune_output import write_result
from headstart.workflows.tune_record import DATABASE, TuneRecord
from headstart.workflows.tune_result import TuneResult, trial_table
from headstart.workflows.tune_search import Limits, Search, best_of, config_of
from headstart.workflows.tune_trials import HeadTrials, TrialJudge
from headstart.workflows.tuning_config import wants_tuning

RUN: Final = "run"
SCRATCH: Final = "scratch"
"""Pixels and answers of fine-tuning trials, until the search has ended."""
_TAPS: Final = "head.taps"


class TuneJob:
    """One search.

    Args:
        base: The default configuration.
        record: What is searched, and for how long.
        folder: The search's.
        started: When the command began, by :func:`time.monotonic`.
        progress: Who is told.
    """

    def __init__(
        self,
        base: TrainConfig,
        record: TuneRecord,
        folder: Path,
        *,
        started: float,
        progress: Progress,
    ) -> None:
        self._base = base
        self._record = record
        self._folder = folder
        self._started = started
        self._progress = progress
        self._tunes = wants_tuning(base)
        self._watch = Stopwatch()

    def run(self) -> TuneResult:
        """Search, compare, retrain, write everything."""
        with self._watch.step("preparation"):
            data = load_data(self._base, self._record, self._progress)
            self._record = data.record
            self._record.write(self._folder)
            candidates = Candidates(self._base, self._space(data))
            judge = self._judge(data)
        study = self._study()
        try:
            with self._watch.step("trials"):
                self._search(study, candidates, judge, data).run(self._limits(study))
        finally:
            self._write_trials(study.trials, candidates.space)
        best = best_of(study.trials)
        with self._watch.step("comparison"):
            contest = self._contest(judge, candidates, best, study.trials)
        return self._finish(candidates, study.trials, best, contest, data)

    def _space(self, data: TuneData) -> Space:
        """Return what is searched, without usual tap sets that this backbone has not."""
        layout = data.featuriser.graph.layout
        space = parse_space(self._record.space)
        return tuple(_present_taps(d, layout) if d.path == _TAPS else d for d in space)

    def _judge(self, data: TuneData) -> TrialJudge:
        tuning, layout = data.tuning, data.featuriser.graph.layout
        if self._tunes:
            if not len(tuning.rows("val")):
                raise DataError("fine-tuning needs validation images: make a split with --val")
            scratch = self._folder / SCRATCH
            return TuningTrials(tuning, data.featuriser, scratch, _Quiet(self._progress))
        with self._progress.wait("reading features"):
            task = tuning.probe_task(_every_row(tuning.targets()), layout)
            return HeadTrials(task, seed=self._base.seed)

    def _study(self) -> Study:
        epochs = sum(phase.epochs for phase in self._base.training.phases) if self._tunes else 0
        return Study(self._folder / DATABASE, seed=self._base.seed, most_epochs=epochs)

    def _search(
        self, study: Study, candidates: Candidates, judge: TrialJudge, data: TuneData
    ) -> Search:
        targets = data.tuning.targets()
        return Search(
            study,
            candidates,
            judge,
            metric=self._record.metric,
            targets=targets,
            classes=len(data.tuning.manifest.classes),
            progress=self._progress,
        )

    def _limits(self, study: Study) -> Limits:
        spent = sum(trial.seconds for trial in study.trials)
        budget_s = self._record.budget_s
        deadline = self._started + (float("inf") if budget_s is None else budget_s - spent)
        return Limits(self._record.trials, deadline, retrains=self._tunes)

    def _contest(
        self,
        judge: TrialJudge,
        candidates: Candidates,
        best: TrialRecord,
        trials: tuple[TrialRecord, ...],
    ) -> Contest | None:
        if not best.number:
            return None
        seen = sum(trial.state == "complete" for trial in trials)
        with self._progress.wait("comparing with the default"):
            chosen = (best.number, config_of(best, candidates))
            return judge.confirm(chosen, candidates.base, seen)

    def _write_trials(self, trials: tuple[TrialRecord, ...], space: Space) -> None:
        table = trial_table(trials, [dimension.path for dimension in space])
        write_csv(self._folder / "trials.csv", *table)

    def _finish(
        self,
        candidates: Candidates,
        trials: tuple[TrialRecord, ...],
        best: TrialRecord,
        contest: Contest | None,
        data: TuneData,
    ) -> TuneResult:
        winner = best if contest is not None and contest.wins else trials[0]
        self._progress.say(f"retraining trial {winner.number}, then the test images")
        with self._watch.step("retraining"):
            run = train(
                self._record.data,
                config=config_of(winner, candidates),
                out=free_name(self._folder, RUN),
                cache=self._record.cache,
                progress=self._progress,
            )
        result = TuneResult(
            folder=self._folder,
            run=run,
            trials=trials,
            space=candidates.space,
            metric=self._record.metric,
            best=best,
            contest=contest,
            fresh=not self._tunes,
            importances=self._importances(trials, candidates.space),
            notes=data.notes,
            seconds=sum(trial.seconds for trial in trials),
            timings_s=self._watch.seconds(),
        )
        write_result(result, Path(self._record.data).name)
        shutil.rmtree(self._folder / SCRATCH, ignore_errors=True)
        return result

    def _importances(self, trials: tuple[TrialRecord, ...], space: Space) -> dict[str, float]:
        with self._watch.step("importances"):
            return importances(trials, space, seed=self._base.seed)


class _Quiet:
    """Shows how far a trial is, and leaves out what it says on its way."""

    def __init__(self, progress: Progress) -> None:
        self.track = progress.track
        self.wait = progress.wait

    def say(self, message: str) -> None:
        """Say nothing."""


def _present_taps(dimension: Dimension, layout: FeatureLayout) -> Dimension:
    """Return the tap sets that a layout has; one that no backbone has is refused.

    Raises:
        UnknownNameError: There is no such set.
    """
    usual = {tap for known in HEAD_SPACE if known.path == _TAPS for tap in known.choices}
    kept = [tap for tap in dimension.choices if tap in layout.tap_sets() or tap not in usual]
    for tap in kept:
        if tap != "auto":
            layout.outputs_of(tap)
    return Dimension(_TAPS, tuple(kept))


def _every_row(targets: Indices) -> Indices:
    return np.arange(len(targets))
