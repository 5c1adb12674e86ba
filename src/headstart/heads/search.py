"""Trying taps and settings by cross-validation, for heads that are not the probe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from headstart.config import HeadConfig
from headstart.heads.base import Logits
from headstart.heads.folds import Indices, assign_folds
from headstart.heads.probe import Candidate, ProbeTask
from headstart.heads.projected import fold_pairs, subset
from headstart.heads.scoring import RowWeights, Score, row_weights, score
from headstart.progress import Progress

_CHOICE_ROWS = 3000
_CHOICE_FOLDS = 3
_ALL_FOLDS_WORK = 200_000
"""Rows times classes above which one held-out fold decides instead of all."""

S = TypeVar("S")
T = TypeVar("T", contravariant=True)


class Space(Protocol[T]):
    """The features of some rows under one tap set, ready for one kind of head."""

    def held_out(
        self, setting: T, kept: Indices, held: Indices, targets: Indices, weights: RowWeights
    ) -> Logits:
        """Fit to some rows and return the logits of others, shape (len(held), K)."""
        ...


@dataclass(frozen=True)
class Found(Generic[S]):
    """A setting with its held-out answers.

    Attributes:
        taps: Tap set.
        setting: What was tried.
        rows: Held-out rows, ascending, among those the space was built from.
        logits: Theirs, shape (len(rows), K).
        score: How good they are.
    """

    taps: str
    setting: S
    rows: Indices
    logits: Logits
    score: Score

    def candidate(self, described: str) -> Candidate:
        """Return it as a line of the history."""
        return Candidate(
            taps=self.taps,
            strength=0.0,
            accuracy=self.score.accuracy,
            nll=self.score.nll,
            images=len(self.rows),
            setting=described,
        )


@dataclass(frozen=True)
class Search(Generic[S]):
    """Cross-validation of settings over the rows of a task.

    Attributes:
        task: Features, targets and groups.
        config: Folds and class weights.
        rows: The rows a head is to be fitted to.
        space: Builds the features of some rows under a tap set.
        seed: Seed of folds and samples.
    """

    task: ProbeTask
    config: HeadConfig
    rows: Indices
    space: Callable[[str, Indices], Space[S]]
    seed: int

    def choose(
        self, taps: Sequence[str], settings: Sequence[S], progress: Progress
    ) -> list[Found[S]]:
        """Try everything on a sample, roughly. Empty where there is nothing to choose."""
        if len(taps) * len(settings) == 1:
            return []
        rows = subset(self.rows, _CHOICE_ROWS, self.seed)
        found: list[Found[S]] = []
        for name in progress.track(
            taps, total=len(taps), task="choosing taps and settings", unit="tap sets"
        ):
            found.extend(self._try(name, settings, rows, folds=_CHOICE_FOLDS, every=True))
        return found

    def judge(self, taps: str, setting: S) -> Found[S]:
        """Predict every row, or one fold of very many, while it is held out."""
        every = len(self.rows) * len(self.task.classes) <= _ALL_FOLDS_WORK
        (found,) = self._try(taps, [setting], self.rows, folds=self.config.folds, every=every)
        return found

    def _try(
        self, taps: str, settings: Sequence[S], rows: Indices, *, folds: int, every: bool
    ) -> list[Found[S]]:
        targets = self.task.targets[rows]
        groups = [self.task.groups[row] for row in rows]
        fold_of = assign_folds(targets, groups, folds=folds, seed=self.seed)
        used = np.unique(fold_of)[: None if every else 1]
        weights = row_weights(targets, self.config.class_weight)
        space = self.space(taps, rows)
        held_rows = np.flatnonzero(np.isin(fold_of, used))
        found = []
        for setting in settings:
            logits = np.empty((len(rows), len(self.task.classes)))
            for kept, held in fold_pairs(fold_of, used):
                logits[held] = space.held_out(setting, kept, held, targets, weights)
            mine = logits[held_rows]
            judged = score(mine, targets[held_rows], weights[held_rows])
            found.append(Found(taps, setting, rows[held_rows], mine, judged))
        return found


def best_of(found: Sequence[Found[S]]) -> Found[S]:
    """Return what was likeliest; the earliest of equals."""
    return min(found, key=lambda one: one.score.nll)
