"""The figures that are no plain share, each with a bootstrap interval from shared resamples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from headstart.evaluation import metrics
from headstart.evaluation.bootstrap import Resampling, replicate
from headstart.evaluation.counts import ClassCounts, Floats, Ints
from headstart.evaluation.intervals import Estimate, calibration_interval, percentile_interval
from headstart.evaluation.reliability import (
    CALIBRATION_BINS,
    adaptive_bins,
    adaptive_edges,
    calibration_gaps,
    errors_by_chance,
)

_OF_COUNTS: Mapping[str, Callable[[ClassCounts], Floats]] = MappingProxyType(
    {
        "f1_macro": metrics.f1_macro,
        "f1_weighted": metrics.f1_weighted,
        "balanced_accuracy": metrics.balanced_accuracy,
    }
)


@dataclass(frozen=True, slots=True)
class _Loss:
    """A figure that is the sum of the absolute means of per-image columns.

    Attributes:
        columns: One value per image and column, shape (N, m).
        worst: The greatest value the figure can have.
        by_chance: What it would be under perfect calibration, shape (R,), for an ECE.
    """

    columns: Floats
    worst: float
    by_chance: Floats | None = None

    def estimate(self, means: Floats, resampling: Resampling) -> Estimate:
        """Return the figure with its interval, from column means of resamples (R, m)."""
        n, confidence = len(self.columns), resampling.confidence
        value = float(np.abs(self.columns.mean(axis=0)).sum())
        replicates = np.abs(means).sum(axis=1)
        if self.by_chance is not None:
            return calibration_interval(
                value, replicates, self.by_chance, n=n, confidence=confidence
            )
        return percentile_interval(value, replicates, n=n, worst=self.worst, confidence=confidence)


def estimate_figures(
    probabilities: Floats,
    targets: Ints,
    uncalibrated: Floats | None,
    *,
    resampling: Resampling,
    said: Ints | None = None,
) -> dict[str, Estimate]:
    """Estimate F1, balanced accuracy, NLL, Brier score and ECE.

    Args:
        probabilities: Checked answers, shape (N, K).
        targets: True classes, shape (N,).
        uncalibrated: Answers before calibration, shape (N, K), for their NLL and ECE.
        resampling: How the intervals are drawn.
        said: What each image was called, shape (N,); its most probable class where not given.
    """
    classes = probabilities.shape[1]
    predictions = probabilities.argmax(axis=1) if said is None else said
    losses = _losses(probabilities, targets, resampling)
    if uncalibrated is not None:
        before = _losses(uncalibrated, targets, resampling)
        losses |= {f"{name}_uncalibrated": before[name] for name in ("nll", "ece")}
    columns = {name: loss.columns for name, loss in losses.items()}
    drawn = replicate(predictions, targets, columns, classes=classes, resampling=resampling)
    own = ClassCounts.of_predictions(predictions, targets, classes=classes)
    return _count_estimates(own, drawn.counts, len(targets), resampling) | {
        name: loss.estimate(drawn.losses[name], resampling) for name, loss in losses.items()
    }


def _losses(probabilities: Floats, targets: Ints, resampling: Resampling) -> dict[str, _Loss]:
    return {
        "nll": _Loss(
            metrics.nll_losses(probabilities, targets)[:, None],
            worst=-math.log(metrics.SMALLEST_PROBABILITY),
        ),
        "brier": _Loss(metrics.brier_losses(probabilities, targets)[:, None], worst=2.0),
        "ece": _calibration(probabilities, targets, resampling),
        "ece_adaptive": _calibration(probabilities, targets, resampling, adaptive=True),
    }


def _calibration(
    probabilities: Floats, targets: Ints, resampling: Resampling, *, adaptive: bool = False
) -> _Loss:
    confidence, bins, index = probabilities.max(axis=1), CALIBRATION_BINS, None
    if adaptive:
        edges = adaptive_edges(confidence)
        bins, index = len(edges) - 1, adaptive_bins(confidence, edges)
    by_chance = errors_by_chance(
        confidence,
        resamples=resampling.resamples,
        seed=resampling.seed,
        bins=bins,
        index=index,
    )
    gaps = calibration_gaps(probabilities, targets, bins=bins, index=index)
    return _Loss(gaps, worst=1.0, by_chance=by_chance)


def _count_estimates(
    own: ClassCounts, drawn: ClassCounts, n: int, resampling: Resampling
) -> dict[str, Estimate]:
    return {
        name: percentile_interval(
            float(figure(own)), figure(drawn), n=n, worst=1.0, confidence=resampling.confidence
        )
        for name, figure in _OF_COUNTS.items()
    }
