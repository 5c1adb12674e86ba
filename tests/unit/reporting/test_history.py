"""What is said of over-fitting follows from the figures."""

from __future__ import annotations

import math

import pytest

from headstart.reporting.history import Epoch, TrainingHistory, judge_gap


def history(*figures: tuple[float, float, float, float], chosen: int = -1, **facts):
    """``(loss, accuracy, val_loss, val_accuracy)`` of each epoch of one phase."""
    epochs = [Epoch(1, n, *four, 1e-3, 5.0) for n, four in enumerate(figures, 1)]
    last = epochs[chosen]
    marked = tuple(Epoch(*[*vars(e).values()][:-1], chosen=e is last) for e in epochs)
    return TrainingHistory(marked, (), 1000, facts.pop("val", 300), kept=True, **facts)


@pytest.mark.parametrize(
    ("told", "verdict", "words"),
    [
        (history((0.5, 0.85, 0.5, 0.84), (0.4, 0.88, 0.5, 0.87)), "no sign", "No sign"),
        (history((0.5, 0.85, 0.6, 0.8), (0.4, 0.88, 0.5, 0.87)), "still learning", "falling"),
        (history((0.5, 0.85, 0.4, 0.8), (0.1, 0.99, 0.4, 0.8)), "over-fitting", "did not rise"),
        (
            history((0.5, 0.85, 0.4, 0.85), (0.1, 0.99, 0.7, 0.8)),
            "over-fitting",
            "training longer made new ones worse",
        ),
        (
            history((0.5, 0.85, 0.4, 0.85), (0.3, 0.86, 0.7, 0.85)),
            "over-fitting",
            "its last epochs",
        ),
        (
            history((0.5, 0.85, 0.4, 0.85), (0.3, 0.86, 0.7, 0.85), chosen=0),
            "over-fitting",
            "thrown away",
        ),
        (history((0.5, 0.8, math.nan, math.nan)), "unknown", "Without validation"),
    ],
)
def test_the_verdict_is_what_the_curves_say(told, verdict: str, words: str) -> None:
    gap = judge_gap(told)
    assert gap.verdict == verdict
    assert words in gap.headline


def test_a_gap_that_few_images_cannot_show_is_no_over_fitting() -> None:
    figures = (0.3, 0.95, 0.4, 0.9)
    assert judge_gap(history(figures, val=20)).verdict == "no sign"
    assert judge_gap(history(figures, val=2000)).verdict == "over-fitting"


def test_the_figures_stand_beside_the_verdict() -> None:
    told = history((0.5, 0.85, 0.4, 0.85), (0.1, 0.99, 0.7, 0.8), shown_as=("mixup", "dropout"))
    text = " ".join(judge_gap(told).sentences).replace("\u00a0", " ")
    for words in (
        "99.0 % of the 1,000 training images",
        "80.0 % of 300 validation images",
        "19.0 points lower",
        "rose from 0.400 to 0.700",
        "mixup and dropout",
    ):
        assert words in text


def test_phases_are_told_apart() -> None:
    epochs = (Epoch(1, 1, 1, 0.5, 1, 0.5, 1e-3, 1), Epoch(2, 1, 1, 0.5, 1, 0.5, 1e-3, 1))
    told = TrainingHistory(epochs, ("head", "all"), 10, 10, kept=False)
    assert told.boundaries == (1,)
    assert told.last_chosen is epochs[-1]
    assert "phase 2, epoch 1" in judge_gap(told).sentences[0]
