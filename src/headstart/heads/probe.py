"""The linear probe: which features, how strong a penalty, and how confident.

Every choice is made by cross-validation on the training and validation images;
the chosen head is then fitted on all of them. The test images are never seen.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from headstart.backbones.layout import FeatureLayout
from headstart.backbones.spec import FLAT
from headstart.config import HeadConfig
from headstart.evaluation.calibration import fit_temperature
from headstart.features.table import FeatureTable
from headstart.heads.base import Head
from headstart.heads.folds import Indices, assign_folds
from headstart.heads.linear import LinearHead
from headstart.heads.logistic import fit_logistic
from headstart.heads.projection import RANK
from headstart.heads.reduction import Reducer, sample_rows
from headstart.progress import Progress

COARSE = (1e-3, 1e-4, 1e-5, 1e-6)
_FINE_STEP = 10**0.5
_CHOICE_ROWS = 3000
_CHOICE_FOLDS = 3
_CHOICE_RANK = 320
_CHOICE_ITERATIONS = 20
_FULL_ITERATIONS = 40
_ALL_FOLDS_ROWS = 20_000
"""Above this, one held-out fold is as precise as all of them, and much cheaper."""

Logits = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One head that was tried.

    Attributes:
        taps: Tap set.
        strength: L2 penalty; 0 where the head has none.
        accuracy: Cross-validated.
        nll: Cross-validated negative log-likelihood, in nats; decides.
        images: Held-out predictions behind the two.
        setting: Whatever else was tried, in words; empty where the strength says it all.
    """

    taps: str
    strength: float
    accuracy: float
    nll: float
    images: int
    setting: str = ""

    @property
    def described(self) -> str:
        """What was tried, in words: ``"strength 1.0e-04"``."""
        return self.setting or f"strength {self.strength:.1e}"


@dataclass(frozen=True)
class FoldFigures:
    """How a head did on one fold that it had not seen.

    Attributes:
        fold: From 1.
        images: Held out in it.
        accuracy: On them.
        f1_macro: Likewise, over the classes that are among them.
        nll: Mean negative log-likelihood, in nats, calibrated without them.
        choice: What was chosen without them, in words.
    """

    fold: int
    images: int
    accuracy: float
    f1_macro: float
    nll: float
    choice: str


@dataclass(frozen=True)
class ProbeFit:
    """A fitted head and how it came about.

    Attributes:
        head: Fitted on every row.
        candidates: Everything tried, in order; the first is not special.
        chosen: The winner, with its figures on all rows.
        held_out_rows: Rows that were predicted while held out, ascending, shape (M,).
        held_out_logits: Their uncalibrated logits, shape (M, K).
        kind: What sort of classifier it is, in words.
        notes: What is worth telling the user.
        folds: Figures of each fold, where the whole choice was cross-validated.
    """

    head: Head
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    held_out_rows: Indices
    held_out_logits: Logits
    kind: str = "logistic regression"
    notes: tuple[str, ...] = ()
    folds: tuple[FoldFigures, ...] = ()

    @property
    def description(self) -> str:
        """The head in a line."""
        return f"{self.kind} on taps '{self.chosen.taps}', {self.chosen.described}"


@dataclass(frozen=True)
class ProbeTask:
    """What a probe is fitted to.

    Attributes:
        features: Whole vectors of N images.
        layout: What their columns are.
        targets: Class of each row, shape (N,).
        groups: Rows with one key are held out together, length N.
        classes: Names, K of them.
    """

    features: FeatureTable
    layout: FeatureLayout
    targets: Indices
    groups: Sequence[Hashable]
    classes: tuple[str, ...]


def fit_probe(task: ProbeTask, config: HeadConfig, *, seed: int, progress: Progress) -> ProbeFit:
    """Choose taps and penalty by cross-validation, then fit on every row.

    Args:
        task: Features, targets and groups of the training and validation images.
        config: What is fixed and what is to be chosen.
        seed: Seed of folds and projections.
        progress: Who is told.

    Raises:
        UnknownNameError: ``config.taps`` names no tap set.
    """
    reducer = Reducer(task.features, task.layout, seed=seed)
    tried = _choose_taps(task, config, reducer, seed, progress)
    with progress.wait("fitting the head"):
        return _fit_chosen(task, config, reducer, seed, tried)


def _fit_chosen(
    task: ProbeTask, config: HeadConfig, reducer: Reducer, seed: int, tried: list[Candidate]
) -> ProbeFit:
    best = min(tried, key=_merit) if tried else None
    search = _Search(task, best.taps if best else config.taps, config, reducer, seed=seed)
    grid = _around(best.strength) if best and config.strength is None else _grid(config)
    scores = search.score(grid, folds=config.folds, iterations=_FULL_ITERATIONS)
    chosen = min(scores.candidates, key=_merit)
    held_out = scores.logits[scores.candidates.index(chosen)]
    temperature = fit_temperature(held_out, task.targets[scores.rows])
    return ProbeFit(
        head=search.fit(chosen.strength, temperature),
        candidates=(*tried, *scores.candidates),
        chosen=chosen,
        held_out_rows=scores.rows,
        held_out_logits=held_out,
    )


@dataclass(frozen=True)
class HeldOut:
    """What the best head said of rows that it had not seen.

    Attributes:
        candidate: The head, with its figures.
        rows: Rows that were predicted while held out, ascending, shape (M,).
        logits: Their uncalibrated logits, shape (M, K).
    """

    candidate: Candidate
    rows: Indices
    logits: Logits


def judge_strength(task: ProbeTask, config: HeadConfig, *, seed: int, reducer: Reducer) -> HeldOut:
    """Return the held-out answers that :func:`fit_probe` would come to, and fit no head.

    Args:
        task: Features, targets and groups.
        config: Names taps and strength: nothing is left to choose.
        seed: Seed of folds and projections.
        reducer: Of the task's features; what it keeps serves the next call.
    """
    assert config.strength is not None, "nothing may be left to choose"
    search = _Search(task, config.taps, config, reducer, seed=seed)
    scores = search.score((config.strength,), folds=config.folds, iterations=_FULL_ITERATIONS)
    return HeldOut(scores.candidates[0], scores.rows, scores.logits[0])


def cross_validate(task: ProbeTask, config: HeadConfig, *, seed: int) -> Candidate:
    """Return the best head on all features at once: a quick figure to compare inputs by."""
    return predict_held_out(task, config, seed=seed, folds=_CHOICE_FOLDS).candidate


def predict_held_out(task: ProbeTask, config: HeadConfig, *, seed: int, folds: int) -> HeldOut:
    """Return what :func:`cross_validate` goes by, row for row.

    The folds depend on targets, groups and seed alone: two sets of features of the same
    images are judged on the same splits, so their predictions may be compared in pairs.
    """
    taps = list(task.layout.tap_sets())[-1] if config.taps == "auto" else config.taps
    reducer = Reducer(task.features, task.layout, seed=seed)
    search = _Search(task, taps, config, reducer, seed=seed, rank=_CHOICE_RANK)
    scores = search.score(_grid(config), folds=folds, iterations=_CHOICE_ITERATIONS)
    best = min(scores.candidates, key=_merit)
    return HeldOut(best, scores.rows, scores.logits[scores.candidates.index(best)])


def _choose_taps(
    task: ProbeTask, config: HeadConfig, reducer: Reducer, seed: int, progress: Progress
) -> list[Candidate]:
    """Score every tap set on a sample, roughly: the winner is searched properly later."""
    names = [name for name in task.layout.tap_sets() if name != FLAT]
    if config.taps != "auto" or len(names) == 1:
        return []
    rows = sample_rows(np.arange(len(task.targets)), _CHOICE_ROWS, seed)
    tried: list[Candidate] = []
    for name in progress.track(names, total=len(names), task="choosing taps", unit="tap sets"):
        search = _Search(task, name, config, reducer, seed=seed, rows=rows, rank=_CHOICE_RANK)
        scores = search.score(_grid(config), folds=_CHOICE_FOLDS, iterations=_CHOICE_ITERATIONS)
        tried.extend(scores.candidates)
    return tried


def _grid(config: HeadConfig) -> tuple[float, ...]:
    return COARSE if config.strength is None else (config.strength,)


def _merit(candidate: Candidate) -> tuple[float, float]:
    return (candidate.nll, -candidate.strength)


def _around(strength: float) -> tuple[float, ...]:
    """Return the neighbours of a coarse choice; beyond the grid too, at its ends."""
    wider = {COARSE[0]: COARSE[0] * 10, COARSE[-1]: COARSE[-1] / 10}
    near = (strength * _FINE_STEP, strength, strength / _FINE_STEP)
    return (*near, wider[strength]) if strength in wider else near


@dataclass(frozen=True)
class _Scores:
    candidates: list[Candidate]
    rows: Indices
    logits: list[Logits]


class _Search:
    """Cross-validation of one tap set on some rows."""

    def __init__(
        self,
        task: ProbeTask,
        taps: str,
        config: HeadConfig,
        reducer: Reducer,
        *,
        seed: int,
        rows: Indices | None = None,
        rank: int = RANK,
    ) -> None:
        rows = np.arange(len(task.targets)) if rows is None else rows
        self._task = task
        self._taps = taps
        self._outputs = task.layout.outputs_of(taps)
        self._reduced = reducer.reduce(self._outputs, rows, rank=rank)
        self._targets = task.targets[rows]
        self._row_weights = _row_weights(self._targets, len(task.classes), config.class_weight)
        self._groups = [task.groups[row] for row in rows]
        self._seed = seed

    def score(self, grid: Sequence[float], *, folds: int, iterations: int) -> _Scores:
        """Predict every held-out row with each penalty of a grid."""
        fold_of = assign_folds(self._targets, self._groups, folds=folds, seed=self._seed)
        used = np.unique(fold_of)
        if len(self._targets) > _ALL_FOLDS_ROWS:
            used = used[:1]
        solved = self._fit_folds(fold_of, used, grid, iterations)
        rows = np.flatnonzero(np.isin(fold_of, used))
        logits = self._held_out(fold_of[rows], rows, used, solved, len(grid))
        candidates = [
            self._candidate(strength, scores, rows)
            for strength, scores in zip(grid, logits, strict=True)
        ]
        return _Scores(candidates, rows, logits)

    def fit(self, strength: float, temperature: float) -> LinearHead:
        """Fit on all rows, and fold the projection into the head."""
        penalty = torch.tensor([strength])
        weight, bias = self._solve(self._row_weights[None], penalty, _FULL_ITERATIONS)
        raw_weight, raw_bias = self._reduced.unproject(weight[0], bias[0])
        return LinearHead(
            classes=self._task.classes,
            taps=self._taps,
            outputs=self._outputs,
            weight=raw_weight.numpy(),
            bias=raw_bias.numpy(),
            temperature=temperature,
        )

    def _fit_folds(
        self, fold_of: Indices, folds: Indices, grid: Sequence[float], iterations: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        kept = torch.from_numpy(fold_of[None] != folds[:, None]) * self._row_weights
        weights = (kept / kept.sum(1, keepdim=True)).repeat_interleave(len(grid), dim=0)
        return self._solve(weights, torch.tensor(list(grid)).repeat(len(folds)), iterations)

    def _solve(
        self, weights: torch.Tensor, penalties: torch.Tensor, iterations: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return fit_logistic(
            self._reduced.values,
            torch.from_numpy(self._targets),
            classes=len(self._task.classes),
            weights=weights,
            penalties=penalties,
            variance=self._reduced.variance,
            iterations=iterations,
        )

    def _held_out(
        self,
        fold_of: Indices,
        rows: Indices,
        folds: Indices,
        solved: tuple[torch.Tensor, torch.Tensor],
        strengths: int,
    ) -> list[Logits]:
        weight, bias = solved
        results = [np.empty((len(rows), bias.shape[1])) for _ in range(strengths)]
        for position, fold in enumerate(folds):
            mine = fold_of == fold
            features = self._reduced.values[torch.from_numpy(rows[mine])]
            for index in range(strengths):
                problem = position * strengths + index
                results[index][mine] = torch.addmm(bias[problem], features, weight[problem]).numpy()
        return results

    def _candidate(self, strength: float, logits: Logits, rows: Indices) -> Candidate:
        targets = torch.from_numpy(self._targets[rows])
        weights = self._row_weights[torch.from_numpy(rows)]
        logs = torch.log_softmax(torch.from_numpy(logits), dim=1)
        losses = -logs.gather(1, targets[:, None])[:, 0]
        return Candidate(
            taps=self._taps,
            strength=strength,
            accuracy=float((logs.argmax(1) == targets).double().mean()),
            nll=float((losses * weights).sum() / weights.sum()),
            images=len(rows),
        )


def _row_weights(targets: Indices, classes: int, class_weight: str | None) -> torch.Tensor:
    if class_weight is None:
        return torch.full((len(targets),), 1 / len(targets))
    counts = np.bincount(targets, minlength=classes)
    weights = 1 / counts[targets]
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))
