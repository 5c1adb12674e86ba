"""The trials of a search, one after the other, until the number or the time is reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from headstart.config import TrainConfig
from headstart.config.search_space import shown
from headstart.errors import ConfigError, TrainingError
from headstart.heads.folds import Indices
from headstart.progress import Progress
from headstart.selection.search_spaces import Candidates
from headstart.selection.study import OpenTrial, PrunedError, Study, TrialRecord
from headstart.workflows.tune_record import Metric
from headstart.workflows.tune_trials import Answered, Report, TrialJudge, figures_of, minimised

_LONG_S: Final = 5.0
"""Trials that take longer are told of one by one."""


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Attributes:
        trials: Most of them, the default's included.
        deadline: By :func:`time.monotonic`; no trial is begun that would probably end later.
        retrains: Whether the winner's training takes about as long as a trial.
    """

    trials: int
    deadline: float
    retrains: bool


class Search:
    """One search.

    Args:
        study: Its trials up to now, and where they are kept.
        candidates: What is searched.
        judge: How.
        metric: What for.
        targets: Class of every training and validation image, shape (N,).
        classes: How many there are.
        progress: Who is told.
    """

    def __init__(
        self,
        study: Study,
        candidates: Candidates,
        judge: TrialJudge,
        *,
        metric: Metric,
        targets: Indices,
        classes: int,
        progress: Progress,
    ) -> None:
        self._study = study
        self._candidates = candidates
        self._judge = judge
        self._metric = metric
        self._targets = targets
        self._classes = classes
        self._progress = progress

    def run(self, limits: Limits) -> None:
        """Make trials, the default configuration's first.

        Raises:
            HeadstartError: The default configuration itself does not work.
            StorageError: A trial cannot be kept.
        """
        numbers = self._numbers(limits)
        if limits.retrains:  # their own progress is shown instead
            for _ in numbers:
                self._next()
            return
        for _ in self._progress.track(numbers, total=limits.trials, task="trials", unit="trials"):
            self._next()

    def _numbers(self, limits: Limits) -> Iterator[int]:
        """Yield a number for each trial that there is still room and time for."""
        while (number := len(self._study.trials)) < limits.trials:
            if number and time.monotonic() + self._needed_s(limits) > limits.deadline:
                return
            yield number

    def _needed_s(self, limits: Limits) -> float:
        whole = [trial.seconds for trial in self._study.trials if trial.state == "complete"]
        usual = sum(whole) / len(whole) if whole else 0.0
        return usual + (max(whole, default=0.0) if limits.retrains else 0.0)

    def _next(self) -> None:
        if not self._study.trials:
            self._default()
            return
        trial = self._study.ask()
        for dimension in self._candidates.space:
            if self._candidates.active(dimension, trial.values):
                trial.suggest(dimension)
        record = self._known(trial) or self._tried(trial)
        self._study.tell(trial, record)
        if record.seconds > _LONG_S:
            self._progress.say(words_of(record))

    def _default(self) -> None:
        """Judge what there is without a search: no trial may be given up for it."""
        started = time.perf_counter()
        losses: list[float] = []
        config = self._candidates.base
        answered = self._judge.judge(config, lambda loss, epoch: losses.append(loss))
        values = self._judge.place(config, answered, self._candidates.space)
        record = self._judged(0, answered, tuple(losses))
        record = replace(record, values=values, seconds=time.perf_counter() - started)
        self._judge.keep(0, answered)
        self._study.add(self._candidates.space, record, values)
        self._progress.say(words_of(record))

    def _known(self, trial: OpenTrial) -> TrialRecord | None:
        """Return the outcome of an earlier trial of the same values."""
        same = (
            earlier
            for earlier in self._study.trials
            if earlier.number and earlier.state != "pruned" and earlier.values == trial.values
        )
        found = next(same, None)
        return replace(found, number=trial.number, seconds=0.0, epochs=()) if found else None

    def _tried(self, trial: OpenTrial) -> TrialRecord:
        started = time.perf_counter()
        losses: list[float] = []

        def report(loss: float, epoch: int) -> None:
            losses.append(loss)
            trial.report(loss, epoch)

        try:
            record = self._outcome(trial, report, lambda: tuple(losses))
        except PrunedError:
            record = TrialRecord(trial.number, "pruned", None, trial.values, epochs=tuple(losses))
        except (ConfigError, TrainingError) as error:
            reason = {"reason": str(error)}
            record = TrialRecord(trial.number, "failed", None, trial.values, reason)
        return replace(record, seconds=time.perf_counter() - started)

    def _outcome(
        self, trial: OpenTrial, report: Report, losses: Callable[[], tuple[float, ...]]
    ) -> TrialRecord:
        config = self._candidates.config(trial.values)
        answered = self._judge.judge(config, report)
        record = replace(self._judged(trial.number, answered, losses()), values=trial.values)
        best = best_of(self._study.trials).value
        assert record.value is not None
        assert best is not None
        if record.value < best:
            self._judge.keep(trial.number, answered)
        return record

    def _judged(self, number: int, answered: Answered, losses: tuple[float, ...]) -> TrialRecord:
        figures = figures_of(answered, self._targets, self._classes)
        return TrialRecord(
            number=number,
            state="complete",
            value=minimised(figures, self._metric),
            values={},
            facts={**figures, "images": len(answered.rows), "choice": answered.choice},
            epochs=losses,
        )


def best_of(trials: tuple[TrialRecord, ...]) -> TrialRecord:
    """Return the best trial; the earliest of equals."""
    judged = [trial for trial in trials if trial.value is not None]
    return min(judged, key=lambda trial: (trial.value, trial.number))


def config_of(trial: TrialRecord, candidates: Candidates) -> TrainConfig:
    """Return the configuration of a trial."""
    return candidates.config(trial.values) if trial.number else candidates.base


def words_of(record: TrialRecord) -> str:
    """Return what became of a trial, in a line."""
    name = "trial 0, the default" if not record.number else f"trial {record.number}"
    settings = ", ".join(
        f"{path.split('.')[-1]} {shown(value)}" for path, value in record.values.items()
    )
    if record.state == "failed":
        return f"{name} failed ({settings}): {record.facts.get('reason', '')}"
    if record.state == "pruned":
        return f"{name} given up after {len(record.epochs)} epochs ({settings})"
    facts = record.facts
    figures = f"log loss {facts['log-loss']:.3f}, accuracy {facts['accuracy']:.3f}"
    return f"{name}: {figures} ({settings or facts['choice']})"
