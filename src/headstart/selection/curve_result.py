"""A learning curve: accuracy against number of training images, and what more would bring."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from headstart.evaluation.comparison import holm, mcnemar, paired_difference
from headstart.evaluation.curve_noise import point_covariance
from headstart.evaluation.intervals import Estimate, wilson, wilson_of_share
from headstart.evaluation.power_law import LEAST_SIZES, PowerLaws, fit_power_laws
from headstart.heads.folds import Indices
from headstart.selection.learning_curve import CurveAnswers

_WIDE_POINTS: Final = 0.02
_WIDE_SHARE: Final = 0.5
"""An interval wider than both, in accuracy and as a share of the error left, says nothing."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One size of a learning curve.

    Attributes:
        images: Trained on; the mean over draws.
        accuracy: On held-out images, the mean over draws.
        draws: How many heads were fitted, each to a draw of its own.
        judged: Images behind the accuracy.
    """

    images: float
    accuracy: Estimate
    draws: int
    judged: int


@dataclass(frozen=True, slots=True)
class ClassGrowth:
    """What more images brought one class.

    Attributes:
        name: Of the class.
        images: It has, to train and validate on.
        fewer: Recall with about half of the images.
        all: Recall with the largest number measured.
        gain: The difference, on the same images.
        p_value: How often chance alone would make it as large; adjusted after Holm.
    """

    name: str
    images: int
    fewer: Estimate
    all: Estimate
    gain: Estimate
    p_value: float


@dataclass(frozen=True)
class LearningCurve:
    """What ``headstart learning-curve`` found.

    Attributes:
        source: What the user pointed at.
        backbone: Whose features were used.
        head: What was fitted to them.
        geometry: How images became squares.
        images: There are to train and validate on; ``train`` fits its head to all of them.
        points: Measured, ascending.
        laws: Power laws that explain them; ``None`` with fewer than four sizes.
        half: Place of the point that the largest is held against, in ``points``.
        last_step: Accuracy gained from there to the largest, on the same images.
        classes: The same class by class.
        notes: What is worth knowing, a sentence each.
        timings_s: Step -> seconds.
    """

    source: str
    backbone: str
    head: str
    geometry: str
    images: int
    points: tuple[CurvePoint, ...]
    laws: PowerLaws | None
    half: int
    last_step: Estimate
    classes: tuple[ClassGrowth, ...]
    notes: tuple[str, ...]
    timings_s: Mapping[str, float]

    @property
    def now(self) -> Estimate | None:
        """Expected accuracy with all images; ``None`` where it cannot be said."""
        return self.accuracy_with(self.images)

    @property
    def doubled(self) -> Estimate | None:
        """Expected accuracy with twice as many."""
        return self.accuracy_with(2 * self.images)

    @property
    def gain(self) -> Estimate | None:
        """What twice as many would bring, whether or not that can be said usefully."""
        return self.laws.gain(self.images, 2 * self.images) if self.laws else None

    @property
    def can_be_said(self) -> bool:
        """Whether the gain's interval is narrow enough to go by."""
        gain, now = self.gain, self.now
        if gain is None or now is None:
            return False
        width = gain.high - gain.low
        return width <= max(_WIDE_POINTS, _WIDE_SHARE * (1 - now.value))

    def accuracy_with(self, images: float) -> Estimate | None:
        """Return the expected accuracy with so many training images."""
        if self.laws is None:
            return None
        error = self.laws.error(images)
        return Estimate(1 - error.value, 1 - error.high, 1 - error.low)

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Return a header and a row a point; then now and twice as many, expected."""
        header = ["images", "kind", "accuracy", "low", "high", "draws", "judged"]
        rows: list[list[object]] = [
            [round(it.images), "measured", *_cells(it.accuracy), it.draws, it.judged]
            for it in self.points
        ]
        for images, accuracy in ((self.images, self.now), (2 * self.images, self.doubled)):
            if accuracy is not None:
                rows.append([images, "expected", *_cells(accuracy), "", ""])
        return header, rows

    def class_table(self) -> tuple[list[str], list[list[object]]]:
        """Return a header and a row a class."""
        spans = ("recall_fewer", "recall_all", "gain")
        ends = [f"{span}{end}" for span in spans for end in ("", "_low", "_high")]
        rows: list[list[object]] = [
            [it.name, it.images, *_all_cells(it.fewer, it.all, it.gain), f"{it.p_value:.4g}"]
            for it in self.classes
        ]
        return ["class", "images", *ends, "p"], rows

    def to_json(self) -> dict[str, Any]:
        """Return what was found, as JSON holds it."""
        from headstart.selection.curve_words import headline

        return {
            "schema": 1,
            "source": self.source,
            "backbone": self.backbone,
            "head": self.head,
            "geometry": self.geometry,
            "images": self.images,
            "headline": headline(self),
            "points": [
                {
                    "images": it.images,
                    "accuracy": it.accuracy.to_json(),
                    "draws": it.draws,
                    "judged": it.judged,
                }
                for it in self.points
            ],
            "expected": {
                "can_be_said": self.can_be_said,
                "now": _json(self.now),
                "doubled": _json(self.doubled),
                "gain": _json(self.gain),
                "rate": self.laws.rate if self.laws else None,
                "misfit": self.laws.misfit if self.laws else None,
                "sizes": self.laws.sizes.tolist() if self.laws else [],
            },
            "last_step": {
                "from": self.points[self.half].images,
                "to": self.points[-1].images,
                "gain": self.last_step.to_json(),
            },
            "classes": [
                {
                    "name": it.name,
                    "images": it.images,
                    "fewer": it.fewer.to_json(),
                    "all": it.all.to_json(),
                    "gain": it.gain.to_json(),
                    "p": it.p_value,
                }
                for it in self.classes
            ],
            "notes": list(self.notes),
            "timings_s": dict(self.timings_s),
        }


@dataclass(frozen=True)
class CurveFacts:
    """What a curve's figures follow from, besides the answers.

    Attributes:
        targets: Class of each row of the task, shape (N,).
        groups: Key of each row's group, length N.
        classes: Names, K of them.
    """

    targets: Indices
    groups: Sequence[Hashable]
    classes: tuple[str, ...]


def curve_points(answers: CurveAnswers) -> tuple[CurvePoint, ...]:
    """Return the measured points of a curve."""
    judged, folds = len(answers.rows), len(np.unique(answers.folds))
    return tuple(
        CurvePoint(
            images=float(size),
            accuracy=wilson_of_share(float(right.mean()), judged),
            draws=folds * len(right),
            judged=judged,
        )
        for size, right in zip(answers.sizes, answers.right, strict=True)
    )


def curve_laws(answers: CurveAnswers, facts: CurveFacts) -> PowerLaws | None:
    """Return the power laws that explain a curve; ``None`` with too few sizes."""
    if len(answers.sizes) < LEAST_SIZES:
        return None
    groups = [facts.groups[row] for row in answers.rows]
    covariance = point_covariance(answers.right, answers.sizes, answers.folds, groups)
    errors = np.array([1 - right.mean() for right in answers.right])
    return fit_power_laws(answers.sizes, errors, covariance)


def half_of(sizes: Sequence[float]) -> int:
    """Return the place of the size nearest to half of the last.

    >>> half_of([50, 71, 100, 141, 200])
    2
    """
    return int(np.argmin(np.abs(np.log2(np.array(sizes[:-1]) * 2 / sizes[-1]))))


def last_step(answers: CurveAnswers, half: int) -> Estimate:
    """Return the accuracy gained from one size to the largest, on the same images."""
    return mcnemar(answers.right[-1][0], answers.right[half][0]).difference


def class_growth(answers: CurveAnswers, facts: CurveFacts, half: int) -> tuple[ClassGrowth, ...]:
    """Return what the step to the largest size brought each class, in the classes' order."""
    rows = list(_growths(answers, facts, half))
    adjusted = holm([it.p_value for it in rows])
    return tuple(
        ClassGrowth(it.name, it.images, it.fewer, it.all, it.gain, p)
        for it, p in zip(rows, adjusted, strict=True)
    )


def _growths(answers: CurveAnswers, facts: CurveFacts, half: int) -> Iterator[ClassGrowth]:
    targets = facts.targets[answers.rows]
    more, fewer = answers.right[-1][0], answers.right[half][0]
    for index, name in enumerate(facts.classes):
        mine = targets == index
        n, test = int(mine.sum()), mcnemar(more[mine], fewer[mine])
        yield ClassGrowth(
            name=name,
            images=int((facts.targets == index).sum()),
            fewer=wilson(int(fewer[mine].sum()), n),
            all=wilson(int(more[mine].sum()), n),
            gain=paired_difference(test.only_first, test.only_second, n),
            p_value=test.p_value,
        )


def _all_cells(*estimates: Estimate) -> list[object]:
    return [cell for it in estimates for cell in _cells(it)]


def _cells(estimate: Estimate) -> list[object]:
    return [f"{value:.6g}" for value in (estimate.value, estimate.low, estimate.high)]


def _json(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else estimate.to_json()
