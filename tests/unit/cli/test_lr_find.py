from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.config import build_config, set_dotted

SMALL = ["--imgsz", 64, "--geometry", "squash", "--train", "last 1 stages", "--batch-size", 4]
RANGE = ["--start", "1e-5", "--end", 100, "--steps", 40]


@pytest.fixture
def photos(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    return image_folder(tmp_path / "photos", "ant", "bee", per_class=15)


def test_a_rate_is_found_and_the_way_on_is_shown(cli: Any, photos: Path, tmp_path: Path) -> None:
    out, about = tmp_path / "rates.png", tmp_path / "rates.json"
    outcome = cli("lr-find", photos, *SMALL, *RANGE, "--out", out, "--json", about)
    assert outcome.code == 0
    assert "training last 1 stages with adamw, batches of 4, 24 training images" in outcome.out
    assert "note: the data set is too small for this range: 24 training images" in outcome.out
    assert f"plot   {out}" in outcome.out
    assert out.with_suffix(".csv").exists()
    found = json.loads(about.read_text())
    if found["suggestions"] is None:
        assert "never falls clearly" in outcome.out
        return
    assert f"minimum       {found['suggestion']:.1e}" in outcome.out
    assert "one-cycle peaks at the minimum" in outcome.out
    (line,) = (line for line in outcome.out.splitlines() if "--set" in line)
    config = build_config(set_dotted({}, [shlex.split(line)[-1]]))
    (phase,) = config.training.phases
    assert phase.optimiser.learning_rate == pytest.approx(found["suggestion"], rel=0.06)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--start", 1, "--end", "1e-3"], "expected a first one above 0"),
        (["--train", "last 2 of stages"], "last 2 of stages"),
        (["--strategy", "ful"], "training.strategy"),
        (["--head", "knn"], "no gradient"),
        (["--out", "rates.jpg"], "ends in .png"),
    ],
)
def test_mistakes_say_the_mend(cli: Any, photos: Path, options: list[Any], words: str) -> None:
    outcome = cli("lr-find", photos, "--imgsz", 64, "--geometry", "squash", *options)
    assert outcome.code == 2
    assert words in outcome.err
