"""What ``--strategy auto`` does with the time it is given: rules that give their reason.

What would be best is :mod:`headstart.selection.strategy`'s advice; what is affordable is
measured. The figures behind the limits are in ``docs/auto.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Final, Literal

from headstart.selection.strategy import Strategy

Plan = Literal["probe", "partial", "full"]

FEWEST_TO_JUDGE: Final = 30
"""Validation images below which no paired test could tell a better model."""
FEWEST_EPOCHS: Final = 2.0
"""Fewer than these, and a schedule has no room to rise and fall."""
MOST_EPOCHS: Final = {"partial": 20, "full": 10}
"""More did not help: TrashNet .944 after five epochs of all layers, .940 after ten."""
TAIL_SPEED: Final = 3.0
"""How many times faster the last two stages train on a cached trunk than all layers."""
TRUNK_PASS: Final = 0.22
"""What it costs to compute the trunk once, for one view of each image, in epochs of all layers:
12.1 of 55.1 s on TrashNet."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What is wanted and what can be paid.

    Attributes:
        advice: The strategy that the evidence speaks for.
        train_images: Images to learn from.
        val_images: Images to choose by.
        seconds_left: For training.
        images_per_s: Of training all layers, measured.
        views: How often a cached trunk is computed for each image.
    """

    advice: Strategy
    train_images: int
    val_images: int
    seconds_left: float
    images_per_s: float
    views: int = 1

    def epochs(self, plan: Plan) -> float:
        """Return how many epochs of a plan the time left pays for; below 0 if it is over."""
        shown = self.train_images + self.val_images / 3  # forward only: a third
        whole = shown / self.images_per_s
        if plan != "partial":
            return self.seconds_left / whole
        return (self.seconds_left / whole - self.views * TRUNK_PASS) * TAIL_SPEED


@dataclass(frozen=True)
class Rule:
    """One line of the table.

    Attributes:
        plan: What is done.
        when: The condition in words.
        applies: The condition.
        reason: Why.
    """

    plan: Plan
    when: str
    applies: Callable[[Means], bool]
    reason: str


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "probe",
        f"fewer than {FEWEST_TO_JUDGE} validation images",
        lambda means: means.val_images < FEWEST_TO_JUDGE,
        "No test on so few could tell whether fine-tuning helped.",
    ),
    Rule(
        "probe",
        "check's advice is the head, and the data set is not small",
        lambda means: means.advice == "probe" and means.train_images >= 1000,
        "There is too little left to win.",
    ),
    Rule(
        "full",
        f"check's advice is full fine-tuning, and {FEWEST_EPOCHS:g} epochs of all layers fit "
        "into the time left",
        lambda means: means.advice in ("full", "scratch") and means.epochs("full") >= FEWEST_EPOCHS,
        "Images enough, and different from what the network was trained on.",
    ),
    Rule(
        "partial",
        f"{FEWEST_EPOCHS:g} epochs of the last two stages fit",
        lambda means: means.epochs("partial") >= FEWEST_EPOCHS,
        "The last stages are the most specific; what lies below is computed once.",
    ),
    Rule(
        "probe",
        "nothing more fits into the budget",
        lambda means: True,
        "A schedule cut short leaves a network worse than the head it began with.",
    ),
)
"""The first that applies decides."""


@dataclass(frozen=True)
class Choice:
    """What is done.

    Attributes:
        plan: Which phases.
        epochs: How many; 0 for the head alone.
        rule: Which rule said so.
    """

    plan: Plan
    epochs: int
    rule: Rule


def choose(means: Means) -> Choice:
    """Return the plan that the rules name; the same means, the same plan."""
    rule = next(rule for rule in RULES if rule.applies(means))
    if rule.plan == "probe":
        return Choice("probe", 0, rule)
    return Choice(rule.plan, min(MOST_EPOCHS[rule.plan], floor(means.epochs(rule.plan))), rule)
