"""A leaderboard as a page and a picture."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.evaluation import wilson
from headstart.evaluation.leaderboard import Choice, Entry, FailedRun, Leaderboard
from headstart.reporting.benchmark_page import BenchmarkContent, render_benchmark
from headstart.reporting.benchmark_plot import draw_board


def entry(name: str, hits: int, seconds: float, **more: Any) -> Entry:
    share = wilson(hits, 200)
    facts: dict[str, Any] = {
        "model": f"net <{name}>",
        "head": "gap-1024-512",
        "strategy": "probe",
        "fine_tuned": False,
        "source_px": (640, 480),
        "learning_rate": "0.001",
        "epochs": "40",
        "batch_size": "64",
        "reported": ".61 accuracy",
        "images_per_s": 123.4,
        **more,
    }
    return Entry(
        name=name, accuracy=share, f1_weighted=share, f1_macro=share, validation=share,
        validation_n=400, seconds=seconds, seconds_here=seconds, native_px=224, input_px=160,
        parameters=4_650_000, bundle_bytes=13_700_000, folder=f"runs/{name}", **facts,
    )  # fmt: skip


PETS = Leaderboard(
    data="pets <x>",
    source="pets",
    entries=(
        entry("first", 180, 20.0, place=1, is_tied=True),
        entry("second", 178, 900.0, place=1, is_tied=True, strategy="full"),
        entry("third", 120, 300.0, place=3),
    ),
    failed=(FailedRun(name="lost", model="lost<net>", trained="svm", reason="no <weights>"),),
    test_images=200,
    headline="first and second share the first place",
    choice=Choice("first", ("second", "first"), 400),
    notes=("a <b>note</b>",),
)
GONE = Leaderboard(data="gone", source="gone", entries=(), reason="there is nothing at gone")


def page(*boards: Leaderboard) -> str:
    plots = {board.data: b"picture" for board in boards if board.entries}
    content = BenchmarkContent(
        boards=boards, created="2026-01-01T00:00", notes=("mind <this>",), plots=plots
    )
    return render_benchmark(content)


def test_the_page_says_who_is_ahead_and_whom_to_take() -> None:
    shown = page(PETS, GONE)
    for text in (
        "pets &lt;x&gt;",
        "first and second share the first place.",
        PETS.advice,
        "net &lt;third&gt;",
        "lost&lt;net&gt;",
        "no &lt;weights&gt;",
        "a &lt;b&gt;note&lt;/b&gt;.",
        "mind &lt;this&gt;",
        "there is nothing at gone",
        "source 640×480 px",
        "40 epochs",
        "native 224",
        "4.7 M weights",
        "13.7 MB",
        ".61 accuracy",
        "123 images/s",
        ", the head was kept",
        "n = 400",
    ):
        assert text.replace(" ", "\u00a0") in shown.replace(" ", "\u00a0"), text
    assert shown.count('class="chosen"') == 1


def test_strategies_side_by_side_only_where_there_are_several() -> None:
    assert "Frozen or fine-tuned" in page(PETS)
    assert "Data by data" in page(PETS, GONE)
    alone = Leaderboard(data="pets", source="pets", entries=PETS.entries[:1], test_images=200)
    assert "Frozen or fine-tuned" not in page(alone)
    assert "first, the only run" in page(alone)


def test_the_page_needs_nothing_else() -> None:
    asked: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            del tag
            asked.extend(value or "" for key, value in attributes if key in ("src", "href"))

    Links().feed(page(PETS))
    assert asked
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in asked)


@pytest.mark.parametrize("entries", [PETS.entries, PETS.entries[:1]])
def test_a_plot_of_any_board(entries: tuple[Entry, ...]) -> None:
    board = Leaderboard(data="a$b", source="a", entries=entries, test_images=200)
    image = Image.open(io.BytesIO(draw_board(board)))
    assert min(image.size) > 400
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20
