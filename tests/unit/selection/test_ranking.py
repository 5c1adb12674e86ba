from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from headstart.backbones.catalog import find_backbone
from headstart.evaluation import wilson
from headstart.selection.ranking import (
    Cost,
    FailedBackbone,
    Judged,
    RankResult,
    rank_judged,
)
from headstart.selection.scoring import BackboneScores

IMAGES = 400
DIFFICULTY = np.random.default_rng(0).permutation(IMAGES) / IMAGES


def judged(name: str, accuracy: float, seconds: float, *, luck: int | None = None) -> Judged:
    """A backbone that gets the easiest images right; ``luck`` shuffles a few others in."""
    right = accuracy > DIFFICULTY
    if luck is not None:
        right = right ^ (np.random.default_rng(luck).random(IMAGES) < 0.06)
    share = wilson(int(right.sum()), IMAGES)
    scores = BackboneScores(share, "all", 1e-4, 1 - share.value, share, 0.1, 2.0, 1.5, right)
    spec = replace(find_backbone("lite0"), name=name)
    return Judged(spec, 96, scores, Cost(seconds, 1_000_000, 4_000_000))


def result(*backbones: Judged, failed: tuple[FailedBackbone, ...] = ()) -> RankResult:
    return RankResult(
        source="photos",
        images=500,
        sampled=IMAGES,
        classes=3,
        base=0.4,
        geometry="squash",
        engine="openvino f32",
        ranked=rank_judged(backbones),
        failed=failed,
        notes=("one note",),
        timings_s={"total": 1.0},
    )


def test_what_chance_explains_shares_the_first_place() -> None:
    ranked = rank_judged(
        [judged("bad", 0.6, 1), judged("close", 0.93, 1, luck=0), judged("best", 0.9, 1)]
    )
    assert [(it.name, it.rank) for it in ranked] == [("best", 1), ("close", 1), ("bad", 3)]
    assert 0.05 < ranked[1].p_value < 1
    assert ranked[0].against_leader is None
    assert ranked[-1].p_value < 1e-6
    test = ranked[-1].against_leader
    assert test is not None
    assert test.difference.value == pytest.approx(0.3, abs=1 / IMAGES)
    assert test.difference.low > 0


def test_equal_accuracy_is_ordered_by_likelihood() -> None:
    first = judged("sure", 0.8, 1)
    second = judged("unsure", 0.8, 1)
    second = replace(second, scores=replace(second.scores, nll=0.9))
    assert [it.name for it in rank_judged([second, first])] == ["sure", "unsure"]


def test_the_choice_is_the_fastest_that_cannot_be_told_from_the_leader() -> None:
    found = result(
        judged("slow", 0.905, 0.04), judged("fast", 0.9, 0.01), judged("bad", 0.5, 0.001)
    )
    assert (found.leader.name, found.choice.name, found.tied) == ("slow", "fast", 2)
    assert "cannot tell it from slow" in found.why
    assert "25% of its time" in found.why


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ([], "the only one"),
        ([judged("bad", 0.5, 0.001)], "more than chance would explain"),
        ([judged("slow", 0.895, 0.04)], "the most accurate on these images, and the fastest"),
    ],
)
def test_why_the_leader_is_chosen(others: list[Judged], why: str) -> None:
    found = result(judged("best", 0.9, 0.01), *others)
    assert found.choice.name == "best"
    assert why in found.why


def test_json_and_table_say_the_same() -> None:
    lost = FailedBackbone("gone", "no weights")
    found = result(judged("one", 0.9, 0.01), judged("two", 0.7, 0.02), failed=(lost,))
    content: dict[str, Any] = json.loads(json.dumps(found.to_json()))
    header, rows = found.table()
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert content["failed"] == [{"name": "gone", "reason": "no weights"}]
    assert [row["backbone"] for row in table] == ["one", "two", "gone"]
    for plain, row in zip(content["ranked"], table, strict=False):
        assert plain["linear"]["value"] == row["linear"]
        assert plain["linear"]["high"] == row["linear_high"]
        assert plain["seconds_an_image"] == row["seconds_an_image"]
    assert table[1]["behind_leader"] == pytest.approx(0.2, abs=0.01)
    assert (table[2]["failure"], table[2]["linear"]) == ("no weights", "")
