"""Order, cost and choice among runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from headstart.evaluation import wilson
from headstart.evaluation.leaderboard import (
    Choice,
    Entry,
    Leaderboard,
    by_strategy,
    pareto_front,
    strategies_of,
    tied_with_best,
)


def entry(name: str, hits: int = 90, *, seconds: float = 10.0, **more: Any) -> Entry:
    share = wilson(hits, 100)
    facts: dict[str, Any] = {
        "model": "lite0",
        "head": "linear",
        "strategy": "probe",
        "fine_tuned": False,
        "native_px": 224,
        "input_px": 224,
        "source_px": (640, 480),
        "learning_rate": "",
        "epochs": "",
        "batch_size": "",
        "validation": share,
        "validation_n": 400,
        "seconds_here": seconds,
        "images_per_s": None,
        "parameters": 4_650_000,
        "bundle_bytes": 13_700_000,
        "reported": "",
        "folder": f"runs/{name}",
        **more,
    }
    return Entry(
        name=name, accuracy=share, f1_weighted=share, f1_macro=share, seconds=seconds, **facts
    )


def board(*entries: Entry, data: str = "pets", **more: Any) -> Leaderboard:
    return Leaderboard(data=data, source=data, entries=entries, test_images=100, **more)


POINTS = some.lists(some.tuples(some.floats(0, 9), some.floats(0, 1)), min_size=1, max_size=20)


@given(POINTS)
def test_the_front_beats_or_equals_everything(points: list[tuple[float, float]]) -> None:
    front = pareto_front(points)
    for cost, value in points:
        assert any(points[i][0] <= cost and points[i][1] >= value for i in front)
    for index in front:
        others = [points[i] for i in front if i != index]
        assert not any(c <= points[index][0] and v >= points[index][1] for c, v in others)


def test_what_only_few_images_separate_is_tied_with_the_best() -> None:
    right = {name: np.arange(200) < hits for name, hits in (("c", 100), ("a", 180), ("b", 178))}
    assert tied_with_best(right) == ("a", "b")


def test_the_advice_goes_by_validation_and_says_so() -> None:
    slow, quick = entry("slow", 92, seconds=90), entry("quick", 88, seconds=9)
    tied = board(slow, quick, choice=Choice("quick", ("slow", "quick"), 1234))
    assert "Take quick, by validation: 1,234 held-out images cannot tell it" in tied.advice
    assert "0.880 [0.802, 0.930], was not used" in tied.advice
    alone = board(slow, quick, choice=Choice("slow", ("slow",), 1234))
    assert "show it to be right more often than any other" in alone.advice
    assert (
        board(slow, quick).advice == board(slow, choice=Choice("slow", ("slow",), 9)).advice == ""
    )


def test_a_shared_place_is_marked() -> None:
    assert entry("a", place=1, is_tied=True).rank == "1="
    assert entry("a", place=3).rank == "3"
    assert entry("a").rank == "–"


def test_a_fine_tuning_that_lost_says_that_the_head_was_kept() -> None:
    assert entry("a").trained == "linear"
    assert entry("a", strategy="full", fine_tuned=True).trained == "linear, full"
    assert entry("a", strategy="full").trained == "linear, full (head kept)"


def test_frozen_and_fine_tuned_stand_side_by_side() -> None:
    frozen, tuned = entry("a"), entry("b", strategy="full", fine_tuned=True)
    other = entry("c", strategy="full", model="lite2")
    boards = [board(tuned, frozen, other), board(entry("d", 50), data="leaves")]
    assert strategies_of(boards) == ("probe", "full")
    rows = by_strategy(boards)
    assert [(row.data, row.model, sorted(row.entries)) for row in rows] == [
        ("pets", "lite0", ["full", "probe"]),
        ("pets", "lite2", ["full"]),
        ("leaves", "lite0", ["probe"]),
    ]
