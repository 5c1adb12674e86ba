"""A head fitted to ever more images, and what it said of images it had not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from headstart.config import HeadConfig
from headstart.features.store import Features
from headstart.features.table import ArrayFeatures, FeatureTable
from headstart.heads.fitting import fit_head
from headstart.heads.folds import Indices, assign_folds
from headstart.heads.probe import ProbeTask
from headstart.parallel import cpu_count, ordered_map
from headstart.progress import Progress, Silent
from headstart.selection.curve_sizes import (
    NestedDraw,
    check_sizes,
    choose_sizes,
    nested_draw,
    repeats_of,
)
from headstart.selection.threads import one_thread

Bools = npt.NDArray[np.bool_]

FOLDS: Final = 5
"""Each image is held out in one of so many."""
_ALL_FOLDS_ROWS: Final = 20_000
"""Above this, the answers to one held-out fold are precise enough."""
_SIDE_BY_SIDE_ROWS: Final = 3000
"""Up to so many training rows heads are fitted beside each other, on a thread each."""
_IN_MEMORY: Final = 1 << 28
"""Bytes of features up to which they are read once, not once a head."""


@dataclass(frozen=True)
class CurveAnswers:
    """Which images were answered right, by how many had been trained on.

    Attributes:
        sizes: Training images, the mean over draws, ascending, shape (S,).
        right: For each size whether each judged image was answered right, shape (R, M)
            with R repeats.
        rows: Judged rows of the task, shape (M,).
        folds: In which fold each was held out, shape (M,).
    """

    sizes: npt.NDArray[np.float64]
    right: tuple[Bools, ...]
    rows: Indices
    folds: Indices


@dataclass(frozen=True)
class _Fit:
    """One head to fit: to which rows, and for which cell of the answers."""

    size: int
    repeat: int
    fold: int
    rows: Indices


def measure_curve(
    task: ProbeTask,
    config: HeadConfig,
    *,
    seed: int,
    sizes: Sequence[int] | None,
    progress: Progress,
) -> CurveAnswers:
    """Fit the configured head to nested draws of growing size, each judged on held-out rows.

    Every row is held out in one of five folds (above 20,000 rows only one fold is). From
    the other folds rows are drawn, so that a larger draw holds the smaller ones; small
    sizes are drawn several times. Whatever the head chooses by cross-validation it chooses
    within its draw.

    Args:
        task: Training and validation images; never the test split.
        config: The head.
        seed: Of folds, draws and heads.
        sizes: Numbers of training images; chosen where not given.
        progress: Who is told.

    Raises:
        ConfigError: Sizes that the images do not allow.
        DataError: Too few images for a curve.
    """
    fold_of = assign_folds(task.targets, task.groups, folds=FOLDS, seed=seed)
    used = np.unique(fold_of)[: None if len(fold_of) <= _ALL_FOLDS_ROWS else 1]
    largest = min(int((fold_of != fold).sum()) for fold in used)
    classes = len(task.classes)
    wanted = check_sizes(sizes, largest, classes) if sizes else choose_sizes(largest, classes)
    fits = list(_fits(task, fold_of, used, wanted, seed))
    judge = _Judge(_in_memory(task), config, fold_of, seed)
    return _gathered(judge, fits, wanted, np.flatnonzero(np.isin(fold_of, used)), progress)


def _fits(
    task: ProbeTask, fold_of: Indices, used: Indices, sizes: Sequence[int], seed: int
) -> Iterator[_Fit]:
    """Yield the heads to fit, the largest draws first."""
    draws = {
        (fold, repeat): _draw(task, np.flatnonzero(fold_of != fold), seed, repeat)
        for fold in used.tolist()
        for repeat in range(repeats_of(sizes[0], sizes[-1]))
    }
    for place in reversed(range(len(sizes))):
        for repeat in range(repeats_of(sizes[place], sizes[-1])):
            for fold in used.tolist():
                yield _Fit(place, repeat, fold, draws[fold, repeat].first(sizes[place]))


def _draw(task: ProbeTask, rows: Indices, seed: int, repeat: int) -> NestedDraw:
    groups = [task.groups[row] for row in rows]
    return nested_draw(rows, task.targets[rows], groups, seed=seed + 1000 * repeat)


@dataclass(frozen=True)
class _Judge:
    """Fits a head to some rows, and judges it on a fold."""

    task: ProbeTask
    config: HeadConfig
    fold_of: Indices
    seed: int

    def __call__(self, fit: _Fit) -> Bools:
        """Return which rows of the fold were answered right."""
        held = np.flatnonzero(self.fold_of == fit.fold)
        found = fit_head(self._part(fit.rows), self.config, seed=self.seed, progress=Silent())
        logits = found.head.logits(self.task.features, held, self.task.layout)
        right: Bools = logits.argmax(axis=1) == self.task.targets[held]
        return right

    def _part(self, rows: Indices) -> ProbeTask:
        return replace(
            self.task,
            features=_Rows(self.task.features, rows),
            targets=self.task.targets[rows],
            groups=[self.task.groups[row] for row in rows],
        )


@dataclass(frozen=True)
class _Rows:
    """Some rows of a table, as a table."""

    table: FeatureTable
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Indices, columns: Indices) -> Features:
        return self.table.read(self.rows[rows], columns)


def _in_memory(task: ProbeTask) -> ProbeTask:
    """Return the task with its features in memory, where they are not too many."""
    if 2 * len(task.targets) * task.layout.dim > _IN_MEMORY:
        return task
    rows, columns = np.arange(len(task.targets)), np.arange(task.layout.dim)
    return replace(task, features=ArrayFeatures(task.features.read(rows, columns)))


def _gathered(
    judge: _Judge, fits: Sequence[_Fit], sizes: Sequence[int], rows: Indices, progress: Progress
) -> CurveAnswers:
    folds = judge.fold_of[rows]
    right = [np.zeros((repeats_of(size, sizes[-1]), len(rows)), np.bool_) for size in sizes]
    for fit, answers in zip(fits, _answers(judge, fits, progress), strict=True):
        right[fit.size][fit.repeat, folds == fit.fold] = answers
    trained = [np.mean([len(f.rows) for f in fits if f.size == it]) for it in range(len(sizes))]
    return CurveAnswers(np.array(trained, np.float64), tuple(right), rows, folds)


def _answers(judge: _Judge, fits: Sequence[_Fit], progress: Progress) -> Iterator[Bools]:
    def answers() -> Iterator[Bools]:
        large = sum(len(fit.rows) > _SIDE_BY_SIDE_ROWS for fit in fits)
        yield from map(judge, fits[:large])  # they come first
        with one_thread():
            threads = cpu_count()
            yield from ordered_map(judge, fits[large:], threads=threads, lookahead=threads)

    return progress.track(answers(), total=len(fits), task="fitting heads", unit="heads")
