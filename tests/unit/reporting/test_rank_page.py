from __future__ import annotations

import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from headstart.backbones.catalog import find_backbone
from headstart.evaluation import wilson
from headstart.reporting.rank_page import render_ranking
from headstart.reporting.rank_plot import draw_ranking
from headstart.selection.ranking import Cost, FailedBackbone, Judged, RankResult, rank_judged
from headstart.selection.scoring import BackboneScores


def ranking(*backbones: tuple[str, int, float]) -> RankResult:
    """A ranking of backbones by name, images told right of 200, milliseconds."""
    judged = []
    for name, hits, milliseconds in backbones:
        share, right = wilson(hits, 200), np.arange(200) < hits
        scores = BackboneScores(share, "all", 1e-4, 0.5, share, 0.123, 2.25, 1.75, right)
        spec = replace(find_backbone("lite0"), name=name)
        judged.append(Judged(spec, 224, scores, Cost(milliseconds / 1000, 5_300_000, 21_000_000)))
    return RankResult(
        source="photos",
        images=300,
        sampled=200,
        classes=4,
        base=0.3,
        geometry="squash",
        engine="openvino bf16",
        ranked=rank_judged(judged),
        failed=(FailedBackbone("lost<net>", "no <weights>"),),
        notes=("a <b>note</b>",),
        timings_s={"total": 1.0},
    )


MANY = ranking(("first", 180, 20.0), ("second", 178, 4.0), ("third & last", 120, 300.0))


def test_the_page_says_what_to_take_and_why() -> None:
    page = render_ranking(MANY, title="photos <x>", created="2026-01-01T00:00", plot=b"picture")
    assert "photos &lt;x&gt;" in page
    assert "a &lt;b&gt;note&lt;/b&gt;" in page
    assert "lost&lt;net&gt;" in page
    assert '<span class="choice">second</span>' in page
    assert MANY.why in page
    assert "third &amp; last" in page
    for figure in (
        "90.0\u00a0%",
        "85.1 to 93.4",
        "1.750",
        "0.123",
        "20 ms",
        "21.0 MB",
        "p &lt; 0.001",
    ):
        assert figure.replace(" ", "\u00a0") in page.replace(" ", "\u00a0"), figure


def test_the_page_needs_nothing_else() -> None:
    asked: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            del tag
            asked.extend(value or "" for key, value in attributes if key in ("src", "href"))

    Links().feed(render_ranking(MANY, title="t", created="2026-01-01T00:00", plot=b"picture"))
    assert asked
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in asked)


@pytest.mark.parametrize(
    "result", [MANY, ranking(("alone", 100, 3.0)), ranking(("a$b", 200, 1.0), ("c_{d", 0, 1.5))]
)
def test_a_plot_of_any_ranking(result: RankResult) -> None:
    image = Image.open(io.BytesIO(draw_ranking(result)))
    colours = np.unique(np.asarray(image).reshape(-1, 3), axis=0)
    assert min(image.size) > 400
    assert len(colours) > 20
