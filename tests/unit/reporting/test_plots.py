"""Plots are whole pictures for any number of classes and any name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from headstart.evaluation import Judgement
from headstart.reporting import write_plots

MakeJudgement = Callable[..., Judgement]


@pytest.mark.parametrize("count", [2, 6, 100])
def test_three_pictures_are_written(
    make_judgement: MakeJudgement, tmp_path: Path, count: int
) -> None:
    classes = [f"class {i}" for i in range(count)]
    written = write_plots(tmp_path / "plots", make_judgement(classes), classes)
    names = ["confusion.png", "reliability.png", "per_class.png", "risk_coverage.png"]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(
        path.name for path in written
    )
    for path in written:
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) > 300
            assert max(image.size) < 3000
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 10


def test_names_are_drawn_literally_whatever_they_hold(
    make_judgement: MakeJudgement, tmp_path: Path
) -> None:
    classes = ["$\\frac{1}", "猫 🐈", "قطة", "a\nb\x00", "long " * 40, "_private", "<b>"]
    assert len(write_plots(tmp_path, make_judgement(classes), classes)) == 4


def test_the_same_judgement_gives_the_same_bytes(
    make_judgement: MakeJudgement, tmp_path: Path
) -> None:
    judgement = make_judgement(["cat", "dog"])
    first = write_plots(tmp_path / "1", judgement, ["cat", "dog"])
    second = write_plots(tmp_path / "2", judgement, ["cat", "dog"])
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
