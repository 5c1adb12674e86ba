"""Fine-tuning epoch by epoch, and what it says of over-fitting, in words.

Training figures are taken while the weights still change and on images as training shows
them (augmented, mixed), validation figures at the epoch's end on images as they are; so a
gap below zero is common, and means nothing. Only a gap that chance does not explain, or a
validation loss that rises while training goes on, is called over-fitting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from headstart.evaluation import Estimate, wilson
from headstart.reporting.words import counted, percent, percent_interval, plain

_RISE = 0.05
"""Share by which the validation loss rises above its lowest before that is called a rise."""
_LEARNT = 0.02
"""Share by which it falls in the last epoch, where it is still falling."""

_NO_HARM = "but the validation loss did not rise as it learnt them: no harm is seen"

Verdict = Literal["over-fitting", "no sign", "still learning", "unknown"]


@dataclass(frozen=True)
class Epoch:
    """One epoch.

    Attributes:
        phase: From 1.
        epoch: Of the phase, from 1.
        loss: Mean over the training images as shown, nats.
        accuracy: Share of them answered right, 0 to 1.
        val_loss: On the validation images; not a number without any.
        val_accuracy: Likewise.
        learning_rate: At its last step.
        seconds: Of its training steps.
        chosen: Whether its weights are those that the run went on with, or ended in.
    """

    phase: int
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float
    chosen: bool = False


@dataclass(frozen=True)
class TrainingHistory:
    """Fine-tuning from its first epoch to its last.

    Attributes:
        epochs: In order; at least one.
        phases: What each phase did, in a few words.
        train_images: How many images it learned from.
        val_images: How many it was watched on.
        kept: Whether the fine-tuned network is the one that is deployed.
        shown_as: Why training figures are not of the images as they are: ``("mixup",)``.
    """

    epochs: tuple[Epoch, ...]
    phases: tuple[str, ...]
    train_images: int
    val_images: int
    kept: bool
    shown_as: tuple[str, ...] = ()

    @property
    def last_chosen(self) -> Epoch:
        """The epoch whose weights fine-tuning ended in."""
        chosen = [epoch for epoch in self.epochs if epoch.chosen]
        return chosen[-1] if chosen else self.epochs[-1]

    @property
    def boundaries(self) -> tuple[int, ...]:
        """How many epochs lie before each phase but the first."""
        phases = [epoch.phase for epoch in self.epochs]
        return tuple(i for i, (a, b) in enumerate(pairwise(phases), 1) if a != b)


@dataclass(frozen=True)
class Gap:
    """How much better a network does on what it learned from.

    Attributes:
        verdict: The finding.
        headline: It, in a sentence.
        sentences: The figures behind it.
    """

    verdict: Verdict
    headline: str
    sentences: tuple[str, ...]


def judge_gap(history: TrainingHistory) -> Gap:
    """Say whether a network over-fits, with the figures."""
    last = history.last_chosen
    if math.isnan(last.val_loss) or math.isnan(last.val_accuracy):
        return Gap("unknown", "Without validation images nothing tells over-fitting.", ())
    verdict, headline = _verdict(history)
    sentences = [_at_the_end(history, last), _rise(history), _shown_as(history)]
    return Gap(verdict, headline, tuple(text for text in sentences if text))


def _verdict(history: TrainingHistory) -> tuple[Verdict, str]:
    last, rises = history.last_chosen, bool(_rise(history))
    if _gap_is_real(history, last):
        end = "and training longer made new ones worse" if rises else _NO_HARM
        return "over-fitting", f"It knows its training images better than new ones, {end}."
    if rises and last is history.epochs[-1]:
        return "over-fitting", "It began to over-fit: its last epochs made new images worse."
    if rises:
        return "over-fitting", "Trained longer it began to over-fit; that part was thrown away."
    if _still_falls(history):
        words = "the validation loss was still falling in the last epoch, so more may bring more"
        return "still learning", f"No sign of over-fitting; {words}."
    return "no sign", "No sign of over-fitting."


def _gap_is_real(history: TrainingHistory, last: Epoch) -> bool:
    """Tell whether training accuracy lies above validation accuracy's 95 % interval."""
    return _points(last) > 0 and last.accuracy > _interval(history, last).high


def _at_the_end(history: TrainingHistory, last: Epoch) -> str:
    points = 100 * _points(last)
    compared = f"{abs(points):.1f} points {'lower' if points > 0 else 'higher'}"
    return (
        f"At the chosen epoch ({_named(history, last)}) it was right on {percent(last.accuracy)} "
        f"of the {counted(history.train_images)} training images as it was shown them, and on "
        f"{percent(last.val_accuracy)} of {counted(history.val_images)} validation images "
        f"(95\u00a0% interval {percent_interval(_interval(history, last))}), {compared}; "
        f"loss {plain(last.loss)} and {plain(last.val_loss)}."
    )


def _rise(history: TrainingHistory) -> str:
    """Say how validation loss rose after its lowest point in the last phase, if it did."""
    phase = _last_phase(history)
    lowest = min(phase, key=lambda epoch: epoch.val_loss)
    after = [epoch for epoch in phase if epoch.epoch > lowest.epoch]
    if not after:
        return ""
    end = after[-1]
    rose = end.val_loss > lowest.val_loss * (1 + _RISE)
    if not rose or end.loss >= lowest.loss:
        return ""
    return (
        f"From {_named(history, lowest)} to {_named(history, end)} the training loss fell from "
        f"{plain(lowest.loss)} to {plain(end.loss)} while the validation loss rose from "
        f"{plain(lowest.val_loss)} to {plain(end.val_loss)}."
    )


def _shown_as(history: TrainingHistory) -> str:
    if not history.shown_as:
        return ""
    return (
        f"Training images are shown with {_joined(history.shown_as)}, which makes them "
        "harder: so the distance of the two curves says less than their course."
    )


def _joined(words: Sequence[str]) -> str:
    """Return words as a person lists them."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _still_falls(history: TrainingHistory) -> bool:
    phase = _last_phase(history)
    if len(phase) < 2:
        return False
    before, end = min(epoch.val_loss for epoch in phase[:-1]), phase[-1].val_loss
    return end < before * (1 - _LEARNT)


def _last_phase(history: TrainingHistory) -> Sequence[Epoch]:
    return [epoch for epoch in history.epochs if epoch.phase == history.epochs[-1].phase]


def _interval(history: TrainingHistory, last: Epoch) -> Estimate:
    return wilson(round(last.val_accuracy * history.val_images), history.val_images)


def _points(last: Epoch) -> float:
    return last.accuracy - last.val_accuracy


def _named(history: TrainingHistory, epoch: Epoch) -> str:
    several = len({one.phase for one in history.epochs}) > 1
    return f"phase {epoch.phase}, epoch {epoch.epoch}" if several else f"epoch {epoch.epoch}"
