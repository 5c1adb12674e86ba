"""What auto does with its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.selection.auto import MOST_EPOCHS, RULES, Means, choose

DOCS = Path(__file__).parents[3] / "docs" / "auto.md"


def means(**changes) -> Means:
    usual = {
        "advice": "full",
        "train_images": 1800,
        "val_images": 300,
        "seconds_left": 600.0,
        "images_per_s": 27.0,
    }
    return Means(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "plan", "epochs"),
    [
        ({}, "full", 8),
        ({"seconds_left": 6000.0}, "full", 10),
        ({"seconds_left": 100.0}, "partial", 3),
        ({"seconds_left": 100.0, "views": 4}, "probe", 0),
        ({"seconds_left": 10.0}, "probe", 0),
        ({"seconds_left": -5.0}, "probe", 0),
        ({"advice": "partial"}, "partial", 20),
        ({"advice": "early", "train_images": 400}, "partial", 20),
        ({"advice": "probe"}, "probe", 0),
        ({"val_images": 29}, "probe", 0),
    ],
)
def test_the_rules(changes, plan: str, epochs: int) -> None:
    choice = choose(means(**changes))
    assert (choice.plan, choice.epochs) == (plan, epochs)


@given(
    st.sampled_from(["probe", "early", "partial", "full", "scratch"]),
    st.integers(1, 10**7),
    st.integers(0, 10**5),
    st.floats(-100, 10**5),
    st.floats(0.1, 10**4),
)
def test_a_plan_fits_into_its_time(advice, train, val, left, rate) -> None:
    asked = Means(
        advice=advice, train_images=train, val_images=val, seconds_left=left, images_per_s=rate
    )
    choice = choose(asked)
    assert (choice.epochs == 0) == (choice.plan == "probe")
    if choice.epochs:
        assert choice.epochs <= asked.epochs(choice.plan)
        assert choice.epochs <= MOST_EPOCHS[choice.plan]


def test_the_documentation_names_every_rule() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for rule in RULES:
        assert f"| {rule.when} | `{rule.plan}` | {rule.reason} |" in text
