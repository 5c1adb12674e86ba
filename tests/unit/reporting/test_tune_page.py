"""The page of a search: whole, escaped, and with what decides in it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from headstart.config.search_space import Dimension
from headstart.evaluation import wilson
from headstart.reporting.tune_page import TuneContent, render_tuning
from headstart.reporting.tune_plots import draw_history, draw_importances
from headstart.selection.study import TrialRecord

SPACE = (Dimension("head.C", low=0.01, high=100.0, log=True), Dimension("head.taps", ("a", "<b>")))


def trials(count: int = 30) -> tuple[TrialRecord, ...]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        loss = 0.3 + float(rng.random()) / (1 + number)
        facts = {"log-loss": loss, "accuracy": 0.9, "f1": 0.88, "images": 2096, "choice": "taps x"}
        values = {"head.C": float(rng.random()), "head.taps": "<b>"} if number else {}
        made.append(TrialRecord(number, "complete", loss, values, facts, 0.3))
    pruned = TrialRecord(count, "pruned", None, {}, epochs=(1.0,))
    return (*made, pruned, TrialRecord(count + 1, "failed", None, {}, {"reason": "r"}))


CONTENT = TuneContent(
    title="<i>photos",
    created="2026-01-02T03:04:05+00:00",
    verdict="Trial 7 is better.",
    keeps_default=False,
    winner=trials()[7],
    default=trials()[0],
    trials=trials(),
    space=SPACE,
    importances={"head.C": 0.9, "head.taps": 0.1},
    metric="log loss",
    key="log-loss",
    test=wilson(90, 100),
    test_images=100,
    run="run",
    seconds=61.0,
    notes=("a <b>note",),
)


def size_of(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def test_plots_are_drawn_the_same_each_time() -> None:
    first = draw_history(trials(), metric="log loss", rising=False)
    assert first == draw_history(trials(), metric="log loss", rising=False)
    assert size_of(first)[0] == 1008
    assert size_of(draw_history(trials(1)[:1], metric="accuracy", rising=True))[0] == 1008
    few = size_of(draw_importances({"head.C": 1.0}))
    many = size_of(draw_importances({f"head.{n}": 0.1 for n in range(10)}))
    assert many[1] > few[1]


def test_the_page_says_who_wins_and_escapes_names() -> None:
    page = render_tuning(CONTENT, history=b"png", importance=b"png")
    for text in ("Trial 7 wins", "Trial 7 is better.", "0 (default)", "1 given up early, 1 failed"):
        assert text in page, text
    assert "&lt;i&gt;photos" in page
    assert "a &lt;b&gt;note" in page
    assert "<b>note" not in page
    assert "0.01 to 100, by magnitude" in page
    assert page.count("data:image/png") == 2
    kept = replace(CONTENT, keeps_default=True, winner=CONTENT.default, importances={})
    page = render_tuning(kept, history=b"png", importance=None)
    assert "The default is kept" in page
    assert page.count("data:image/png") == 1
