from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from headstart.evaluation.contest import Contest, hold_contest
from headstart.reporting.compare_page import CompareContent, pictured_rows, render_comparison


def contest(models: int = 3, n: int = 500, classes: int = 3) -> Contest:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, classes, n)
    said = {
        f"m<{number}>": np.where(
            rng.random(n) < 0.9 - 0.1 * number, targets, (targets + 1) % classes
        )
        for number in range(models)
    }
    names = [f"class & {number}" for number in range(classes)]
    return hold_contest(said, targets, classes=names, resamples=100)


def content(of: Contest, **changes: object) -> CompareContent:
    made = CompareContent(
        contest=of,
        created="2026-01-01T00:00",
        images=tuple(f"a/{row}.jpg" for row in range(of.n)),
        thumbnails=dict.fromkeys(pictured_rows(of), b"picture"),
        notes=("a <b>note</b>",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_page_says_who_is_better_and_shows_on_what() -> None:
    page = render_comparison(content(contest()))
    assert "m&lt;0&gt; is the best: more often right than every other one, beyond chance." in page
    assert "a &lt;b&gt;note&lt;/b&gt;" in page
    assert "A &lt;b&gt;" not in page
    assert "class &amp; 1" in page
    assert "Only m&lt;0&gt; got these right" in page
    assert page.count("data:image/jpeg") == len(pictured_rows(contest()))


def test_the_page_needs_nothing_else() -> None:
    asked: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            del tag
            asked.extend(value or "" for key, value in attributes if key in ("src", "href"))

    Links().feed(render_comparison(content(contest())))
    assert asked
    assert all(link.startswith(("#", "data:image/jpeg;base64,")) for link in asked)


def test_images_without_names_or_pictures() -> None:
    page = render_comparison(content(contest(2), images=(), thumbnails={}))
    assert "no picture" in page
    assert "Neither got these right" in page


def test_many_models_and_classes_stay_light() -> None:
    page = render_comparison(content(contest(12, n=600, classes=300)))
    assert len(page) < 2_000_000
    assert "The 60 classes that differ most surely" in page
    assert "and 60 more pairs" in page
