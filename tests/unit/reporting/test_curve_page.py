from __future__ import annotations

import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from headstart.evaluation import Estimate, wilson
from headstart.evaluation.power_law import fit_power_laws
from headstart.reporting.curve_page import render_curve
from headstart.reporting.curve_plot import draw_curve
from headstart.selection.curve_result import ClassGrowth, CurvePoint, LearningCurve

SIZES = np.array([52.0, 105, 210, 419, 838, 1676])
ERRORS = 0.09 * (SIZES / 1676) ** -0.37
LAWS = fit_power_laws(SIZES, ERRORS, np.eye(6) * 4e-5)
CURVE = LearningCurve(
    source="photos",
    backbone="efficientnet_lite0",
    head="linear",
    geometry="squash",
    images=2096,
    points=tuple(
        CurvePoint(float(size), wilson(round(2096 * (1 - error)), 2096), 5, 2096)
        for size, error in zip(SIZES, ERRORS, strict=True)
    ),
    laws=LAWS,
    half=4,
    last_step=Estimate(0.02, 0.01, 0.03),
    classes=(
        ClassGrowth(
            "met<al>", 342, wilson(295, 342), wilson(312, 342), Estimate(0.05, 0, 0.1), 0.01
        ),
        ClassGrowth("paper", 1754, wilson(1600, 1754), wilson(1600, 1754), Estimate(0, 0, 0), 1.0),
    ),
    notes=("431 test images were <not> looked at",),
    timings_s={"total": 1.0},
)
FEW = replace(CURVE, points=CURVE.points[3:], laws=None, half=1)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(curve: LearningCurve) -> str:
    return render_curve(curve, title="photos <x>", created="2026-01-01T00:00", plot=b"picture")


def test_the_page_says_what_more_images_would_bring() -> None:
    told = page(CURVE)
    assert "Twice the images would bring about" in told
    assert "photos &lt;x&gt;" in told
    assert "met&lt;al&gt;" in told
    assert "431 test images were &lt;not&gt; looked at" in told
    assert "1,676" in told
    assert "4,192" in told
    assert "+5.0" in told


@pytest.mark.parametrize("curve", [CURVE, FEW])
def test_the_page_is_sound_and_asks_nobody(curve: LearningCurve) -> None:
    parser = Tags()
    parser.feed(page(curve))
    assert parser.open == []
    assert all(link.startswith(("data:", "#")) for link in parser.links)


def test_without_laws_nothing_is_expected() -> None:
    told = page(FEW)
    assert "cannot be said from these sizes" in told
    assert "expected</td>" not in told


@pytest.mark.parametrize("curve", [CURVE, FEW])
def test_the_plot_is_a_picture(curve: LearningCurve) -> None:
    with Image.open(io.BytesIO(draw_curve(curve))) as picture:
        assert picture.width > 800
        assert len(picture.getcolors(1 << 24)) > 20
