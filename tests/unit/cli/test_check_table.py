from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headstart.cli.check_table import WIDTH, check_lines
from headstart.data.geometry import Geometry
from headstart.evaluation import wilson
from headstart.selection.memory import OwnNames
from headstart.selection.recognition import ClassAnswers, LabelShare
from headstart.selection.resolution import Finding
from headstart.selection.strategy import Evidence, advise
from headstart.workflows.check_result import CheckResult, PictureAnswer

NOODLES = ClassAnswers(
    name="fried noodles",
    images=40,
    labels=(
        LabelShare("carbonara", 0.9, 0.81, (1, 2)),
        LabelShare("a very long name of a category indeed", 0.1, 0.05, (3,)),
    ),
    confidence=0.85,
    spread=1.4,
    entropy=0.1,
)
EVIDENCE = Evidence(
    images=80,
    classes=2,
    smallest=12,
    largest=68,
    sampled=80,
    base=0.85,
    confidence=0.85,
    telling=0.9,
    knn=wilson(70, 80),
    final=wilson(76, 80),
    early=wilson(70, 80),
    every=wilson(75, 80),
)


@pytest.fixture
def result() -> CheckResult:
    return CheckResult(
        source="food",
        backbone="efficientnet_lite0",
        geometry=Geometry(mode="crop"),
        images=80,
        sampled=80,
        class_counts={"fried noodles": 40, "leaves": 40},
        answers=(NOODLES,),
        pictures=(),
        names=OwnNames("class names", 40, 80, wilson(36, 40), {"x": ("y",)}, False),
        memory="these may be ImageNet's",
        evidence=EVIDENCE,
        advice=advise(EVIDENCE),
        findings=(Finding("upscaled", "warning", "too small " * 20),),
        notes=("a note " * 30,),
        timings_s={"total": 1.0},
    )


def lines(result: CheckResult) -> list[str]:
    return list(check_lines(result))


def test_one_sees_at_a_glance_that_noodles_are_carbonara(result: CheckResult) -> None:
    text = "\n".join(lines(result))
    assert "fried noodles  KNOWN: first label 90%, 1.4 labels in effect, confidence 0.85" in text
    assert "carbonara 90% (0.81), a very long nam… 10% (0.05)" in text


def test_evidence_advice_and_warnings_follow(result: CheckResult) -> None:
    text = "\n".join(lines(result))
    for words in (
        "linear head, final features           0.950 [",
        "80 in 2 classes, smallest 12, largest 68",
        "similar (similar from +0.50)",
        "Advice: Head only",
        "caution: the smallest class has 12 training images",
        "top-1 against class names: 0.900 [",
        "warning: these may be ImageNet's",
        "warning: upscaled: too small",
        "note: a note",
    ):
        assert words in text


def test_no_line_is_too_long(result: CheckResult) -> None:
    hostile = replace(NOODLES, name="a long name " * 9)
    pictures = tuple(
        PictureAnswer("folder/" + "n" * 90 + f"{number}.jpg", (("w" * 40, 0.5),) * 5)
        for number in range(30)
    )
    told = lines(replace(result, answers=(hostile,) * 50, pictures=pictures))
    assert max(len(line) for line in told) <= WIDTH
    assert "  and 10 more classes: see --json or --out" in told
    assert "  and 10 more images: see --json or --out" in told


@pytest.mark.parametrize(
    "missing", [{"answers": (), "names": None}, {"evidence": None, "advice": None}]
)
def test_what_there_is_not_is_left_out(result: CheckResult, missing: dict[str, Any]) -> None:
    text = "\n".join(lines(replace(result, **missing)))
    assert ("What the network calls them" in text) == ("answers" not in missing)
    assert ("Advice" in text) == ("advice" not in missing)
