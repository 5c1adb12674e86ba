"""What each figure is called and means, in words for people who never met it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headstart.evaluation import Estimate
from headstart.reporting.content import Measured
from headstart.reporting.words import Interval, percent, percent_interval, plain, plain_interval


@dataclass(frozen=True)
class Figure:
    """A metric's name and meaning.

    Attributes:
        label: What it is called.
        meaning: What it says, and which way is better.
        is_share: Whether it is shown in percent.
    """

    label: str
    meaning: str
    is_share: bool = True

    def text(self, estimate: Interval | None) -> str:
        """Return the value as shown, or a dash where it was not measured."""
        show: Callable[[float], str] = percent if self.is_share else plain
        return show(estimate.value) if estimate else "–"

    def interval(self, estimate: Interval | None) -> str:
        """Return the interval as shown, or nothing where it was not measured."""
        show: Callable[[Interval], str] = percent_interval if self.is_share else plain_interval
        return show(estimate) if estimate else ""


@dataclass(frozen=True)
class Measure:
    """One row of the table of all figures."""

    figure: Figure
    test: Estimate | None
    validation: Estimate | None


FIGURES = {
    "accuracy": Figure("Accuracy", "Share of images named correctly."),
    "top5_accuracy": Figure(
        "Top-5 accuracy", "Share of images whose true class is among the five most probable."
    ),
    "balanced_accuracy": Figure(
        "Balanced accuracy", "Mean recall over classes: every class weighs the same."
    ),
    "f1_macro": Figure(
        "F1, macro", "Mean F1 over classes: small classes weigh as much as large ones."
    ),
    "f1_weighted": Figure("F1, weighted", "Mean F1, each class weighted by its images."),
    "ece": Figure(
        "Calibration error (ECE)",
        "Mean gap between the confidence claimed and the share right; 0 is honest.",
    ),
    "ece_adaptive": Figure(
        "Calibration error, equal bins", "The same over bins that hold equally many images."
    ),
    "ece_uncalibrated": Figure(
        "Calibration error before calibration", "The same, without temperature scaling."
    ),
    "nll": Figure(
        "Log loss (NLL)", "Surprise at the true class, in nats; lower is better.", is_share=False
    ),
    "nll_uncalibrated": Figure(
        "Log loss before calibration", "The same, without temperature scaling.", is_share=False
    ),
    "brier": Figure(
        "Brier score",
        "Squared error of the probabilities, 0 to 2; lower is better.",
        is_share=False,
    ),
    "aurc": Figure(
        "Risk over coverage (AURC)",
        "Mean share of errors among the surest answers, over every share of answers; "
        "lower is better.",
    ),
}
"""Known metrics in the order shown; others follow under their own name."""


def measures(test: Measured, validation: Measured | None) -> list[Measure]:
    """Return every metric of the test split beside its out-of-fold value, if there is one."""
    others = validation.metrics if validation else {}
    unknown = [name for name in test.metrics if name not in FIGURES]
    return [
        Measure(
            FIGURES.get(name, Figure(name, "", is_share=False)),
            test.metrics.get(name),
            others.get(name),
        )
        for name in [*FIGURES, *unknown]
        if name in test.metrics or name in others
    ]
