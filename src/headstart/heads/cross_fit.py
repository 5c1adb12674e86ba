"""The whole choice of a head, cross-validated; and the heads of its folds as one classifier.

The cross-validation within :func:`headstart.heads.fitting.fit_head` chooses taps and
penalties, so that its figures are of the best of many. Here each fold is held out from the
choice as well (nested cross-validation: Varma and Simon, 2006,
doi:10.1186/1471-2105-7-91).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from headstart.config import HeadConfig
from headstart.errors import DataError
from headstart.evaluation.calibration import softmax
from headstart.evaluation.counts import ClassCounts
from headstart.evaluation.metrics import nll_losses
from headstart.features.table import TakenFeatures
from headstart.heads.base import Logits
from headstart.heads.ensemble import EnsembleHead
from headstart.heads.fitting import fit_head
from headstart.heads.folds import Indices, assign_folds
from headstart.heads.probe import Candidate, FoldFigures, ProbeFit, ProbeTask
from headstart.progress import Progress, Silent

FOLDS = 5
"""Where an ensemble is asked for without a number."""


@dataclass(frozen=True)
class FoldFit:
    """A head that was chosen and fitted without one fold.

    Attributes:
        held: Rows of the fold, ascending, shape (M,).
        fit: On all other rows; its own rows are positions among those.
        logits: Calibrated logits of the fold, shape (M, K).
    """

    held: Indices
    fit: ProbeFit
    logits: Logits


def fit_configured(
    task: ProbeTask, config: HeadConfig, *, seed: int, progress: Progress
) -> ProbeFit:
    """Fit a head as its settings say: plainly, or as :func:`fit_cross_validated` does."""
    fit = fit_cross_validated if config.cross_validate or config.ensemble else fit_head
    return fit(task, config, seed=seed, progress=progress)


def fit_cross_validated(
    task: ProbeTask, config: HeadConfig, *, seed: int, progress: Progress
) -> ProbeFit:
    """Fit a head, and judge the whole choice of it in folds of the same rows.

    Args:
        task: Features, targets and groups; a group is never divided.
        config: ``cross_validate`` says how many folds; with ``ensemble`` the heads of the
            folds are what is returned, averaged.
        seed: Seed of everything drawn.
        progress: Who is told.

    Returns:
        A head whose held-out answers come from heads that were chosen without them.

    Raises:
        UnknownNameError: No such head, or no such tap set.
        ConfigError: A setting that the head does not take.
    """
    folds = fit_folds(task, config, seed=seed, progress=progress)
    if config.ensemble:
        return _with_folds(_ensemble(folds), task, folds)
    return _with_folds(fit_head(task, config, seed=seed, progress=progress), task, folds)


def fit_folds(
    task: ProbeTask, config: HeadConfig, *, seed: int, progress: Progress
) -> list[FoldFit]:
    """Choose and fit a head without each fold in turn, and let it answer that fold.

    Stratified by class; rows of one group are held out together.

    Raises:
        DataError: All rows are of one group.
    """
    wanted = config.cross_validate or FOLDS
    fold_of = assign_folds(task.targets, task.groups, folds=wanted, seed=seed)
    numbers = np.unique(fold_of)
    if len(numbers) < 2:
        raise DataError(
            "all images are of one group, and a group is never divided: leave out --folds, "
            "or give finer groups"
        )
    tracked = progress.track(numbers, total=len(numbers), task="heads by fold", unit="folds")
    return [_fit_without(task, config, np.flatnonzero(fold_of == n), seed) for n in tracked]


def _fit_without(task: ProbeTask, config: HeadConfig, held: Indices, seed: int) -> FoldFit:
    kept = np.setdiff1d(np.arange(len(task.targets)), held)
    fit = fit_head(take_task(task, kept), config, seed=seed, progress=Silent())
    logits = fit.head.logits(task.features, held, task.layout)
    return FoldFit(held, fit, logits / fit.head.temperature)


def take_task(task: ProbeTask, rows: Indices) -> ProbeTask:
    """Return a task of some rows only."""
    return replace(
        task,
        features=TakenFeatures(task.features, rows),
        targets=task.targets[rows],
        groups=[task.groups[row] for row in rows],
    )


def _ensemble(folds: list[FoldFit]) -> ProbeFit:
    """Return the folds' heads as one; what was tried is what each of them chose."""
    head = EnsembleHead(tuple(fold.fit.head for fold in folds))
    chosen = [fold.fit.chosen for fold in folds]
    together = Candidate(
        taps=head.taps,
        strength=float(np.mean([candidate.strength for candidate in chosen])),
        accuracy=float(np.mean([candidate.accuracy for candidate in chosen])),
        nll=float(np.mean([candidate.nll for candidate in chosen])),
        images=sum(len(fold.held) for fold in folds),
        setting=f"{len(folds)} heads averaged",
    )
    first = folds[0].fit
    return replace(first, head=head, candidates=(*chosen, together), chosen=together)


def _with_folds(fit: ProbeFit, task: ProbeTask, folds: list[FoldFit]) -> ProbeFit:
    rows = np.concatenate([fold.held for fold in folds])
    order = np.argsort(rows)
    logits = np.concatenate([fold.logits for fold in folds])[order]
    figures = tuple(_figures(task, number, fold) for number, fold in enumerate(folds, 1))
    return replace(
        fit,
        held_out_rows=rows[order],
        held_out_logits=logits * fit.head.temperature,
        folds=figures,
        notes=(*fit.notes, _words(figures, isinstance(fit.head, EnsembleHead))),
    )


def _figures(task: ProbeTask, number: int, fold: FoldFit) -> FoldFigures:
    targets = task.targets[fold.held]
    said = fold.logits.argmax(axis=1)
    counts = ClassCounts.of_predictions(said, targets, classes=len(task.classes))
    present = counts.support > 0
    return FoldFigures(
        fold=number,
        images=len(targets),
        accuracy=float((said == targets).mean()),
        f1_macro=float(counts.f1[present].mean()),
        nll=float(nll_losses(softmax(fold.logits), targets).mean()),
        choice=f"taps '{fold.fit.chosen.taps}', {fold.fit.chosen.described}",
    )


def _words(folds: tuple[FoldFigures, ...], ensemble: bool) -> str:
    accuracies = np.array([fold.accuracy for fold in folds])
    heads = ": those of its heads one by one, their average is usually better" * ensemble
    return (
        f"validation figures from {len(folds)} folds, every choice made anew without each "
        f"(accuracy {accuracies.mean():.3f} \u00b1 {accuracies.std(ddof=1):.3f} over folds){heads}"
    )
