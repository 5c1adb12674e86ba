"""The figures that are no plain share, each with an interval; resamples are shared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from headstart.evaluation import metrics
from headstart.evaluation.bootstrap import Resampling, replicate
from headstart.evaluation.corrected_intervals import count_interval, mean_interval
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
class _CalibrationError:
    """The sum of the absolute means of per-image columns.

    Attributes:
        columns: One value per image and bin, shape (N, m).
        by_chance: What it would be under perfect calibration, shape (R,).
    """

    columns: Floats
    by_chance: Floats

    def estimate(self, means: Floats, confidence: float) -> Estimate:
        """Return the figure with its interval, from column means of resamples (R, m)."""
        return calibration_interval(
            float(np.abs(self.columns.mean(axis=0)).sum()),
            np.abs(means).sum(axis=1),
            self.by_chance,
            n=len(self.columns),
            confidence=confidence,
        )


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
    confidence = resampling.confidence
    losses = {
        "nll": _nll(probabilities, targets, confidence),
        "brier": _mean(metrics.brier_losses(probabilities, targets), 2.0, confidence),
    }
    gaps = {
        "ece": _calibration(probabilities, targets, resampling),
        "ece_adaptive": _calibration(probabilities, targets, resampling, adaptive=True),
    }
    if uncalibrated is not None:
        losses["nll_uncalibrated"] = _nll(uncalibrated, targets, confidence)
        gaps["ece_uncalibrated"] = _calibration(uncalibrated, targets, resampling)
    columns = {name: error.columns for name, error in gaps.items()}
    drawn = replicate(predictions, targets, columns, classes=classes, resampling=resampling)
    shares = {
        name: count_interval(
            figure,
            predictions,
            targets,
            figure(drawn.counts),
            classes=classes,
            confidence=confidence,
        )
        for name, figure in _OF_COUNTS.items()
    }
    errors = {name: it.estimate(drawn.losses[name], confidence) for name, it in gaps.items()}
    return shares | losses | errors


def _nll(probabilities: Floats, targets: Ints, confidence: float) -> Estimate:
    losses = metrics.nll_losses(probabilities, targets)
    return _mean(losses, -math.log(metrics.SMALLEST_PROBABILITY), confidence)


def _mean(losses: Floats, worst: float, confidence: float) -> Estimate:
    known = mean_interval(losses, worst=worst, confidence=confidence)
    if known is not None:
        return known
    mean = float(losses.mean())
    return percentile_interval(
        mean, np.full(2, mean), n=len(losses), worst=worst, confidence=confidence
    )


def _calibration(
    probabilities: Floats, targets: Ints, resampling: Resampling, *, adaptive: bool = False
) -> _CalibrationError:
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
    return _CalibrationError(gaps, by_chance)
