from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headstart.evaluation import wilson
from headstart.reporting.check_page import (
    CheckContent,
    SeenClass,
    SeenLabel,
    SeenPicture,
    render_check,
)
from headstart.selection.memory import OwnNames
from headstart.selection.recognition import ClassAnswers, LabelShare
from headstart.selection.resolution import Finding
from headstart.selection.strategy import Evidence, advise

HOSTILE = "</style><script>alert(1)</script>{{ 7 * 7 }}"


@pytest.fixture
def content(jpeg: bytes) -> Callable[..., CheckContent]:
    def make(name: str = "noodles", **changes: Any) -> CheckContent:
        share = LabelShare("carbonara", 0.9, 0.8, (0,))
        answers = ClassAnswers(name, 40, (share,), 0.85, 1.4, 0.1)
        seen = SeenClass(answers, (SeenLabel(share, SeenPicture(f"{name}/1.jpg", jpeg)),))
        evidence = Evidence(
            images=80,
            classes=2,
            smallest=12,
            largest=68,
            sampled=80,
            base=0.5,
            confidence=0.85,
            telling=0.9,
            knn=wilson(70, 80),
            final=wilson(76, 80),
            early=wilson(70, 80),
            every=wilson(75, 80),
        )
        facts: dict[str, Any] = {
            "title": name,
            "created": "2025-01-02T03:04:05+00:00",
            "facts": ("efficientnet_lite0 at 224 px, crop",),
            "classes": (seen,),
            "names": OwnNames("class names", 40, 80, wilson(36, 40), {"x": ("y",)}, False),
            "memory": "these may be ImageNet's",
            "evidence": evidence,
            "advice": advise(evidence),
            "findings": (Finding("upscaled", "warning", "too small", (f"{name}/1.jpg",)),),
            "notes": ("a note",),
        }
        return CheckContent(**(facts | changes))

    return make


def test_the_page_says_it_all(content: Callable[..., CheckContent]) -> None:
    page = render_check(content()).replace("\u00a0", " ")
    for words in (
        "Head only: a linear head on the final features.",
        "carbonara",
        "<b>90 %</b> of images",
        'class="badge known"',
        'class="cell here">Head only<',
        "These may be ImageNet&#39;s.",
        "<b>Upscaled</b> (warning): too small",
        "a note",
        "first answer is that category for <b>90.0 %</b>",
        "The evidence",
    ):
        assert words in page, words


def test_the_same_content_gives_the_same_page(content: Callable[..., CheckContent]) -> None:
    assert render_check(content()) == render_check(content())


def test_names_are_text_and_nothing_else(content: Callable[..., CheckContent]) -> None:
    page = render_check(content(HOSTILE))
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert "default-src 'none'" in page
    assert "49" not in page.split("<main")[1].split("<footer")[0]


def test_images_without_labels(content: Callable[..., CheckContent], jpeg: bytes) -> None:
    picture = SeenPicture("a/b.jpg", jpeg, (("eel", 0.7), ("gar", 0.2), ("tench", 0.1)))
    shown = {"pictures": (picture,), "more_pictures": 7, "evidence": None, "advice": None}
    page = render_check(content(**shown)).replace("\u00a0", " ")
    assert "Image by image" in page
    assert "gar 20 %" in page
    assert "tench 10 %" in page
    assert "and 7 more" in page
    assert "The evidence" not in page


def test_nothing_but_a_title(content: Callable[..., CheckContent]) -> None:
    empty = CheckContent(title="bare", created="2025-01-02T03:04:05+00:00", facts=())
    assert "bare" in render_check(empty)
