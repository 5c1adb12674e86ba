from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.cli.compare_table import WIDTH, cut


@pytest.fixture
def runs(
    tmp_path: Path, image_folder: Callable[..., Path], store_run: Callable[..., Path]
) -> list[Path]:
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=30)
    found = sorted(photos.glob("*/*.png"))
    said = {f"{path.parent.name}/{path.name}": path.parent.name for path in found}
    wrong = {f"cat/{number}.png": "dog" for number in range(20)}
    long = "a_run_with_a_name_that_is_longer_than_its_column_is_wide"
    return [
        store_run(tmp_path / "good", photos, said),
        store_run(tmp_path / "bad", photos, {**said, **wrong}),
        store_run(tmp_path / long, photos, {**said, "dog/1.png": "cat"}),
    ]


def test_two_runs_in_words(cli: Any, runs: list[Path]) -> None:
    outcome = cli("compare", runs[0], runs[1])
    assert outcome.code == 0, outcome.err
    assert "good is the best" in outcome.out
    assert "it got 20 more of 60 images right (33.3 points [" in outcome.out
    assert "p < .001" in outcome.out
    assert "cat" in outcome.out


def test_many_runs_in_a_table_that_fits_a_terminal(cli: Any, runs: list[Path]) -> None:
    lines = cli("compare", *runs).out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line[:2] for line in lines[3:6]] == ["1=", "1=", "3 "]
    assert sum(line.startswith(" * ") for line in lines) == 2
    assert "images cannot tell them apart" in " ".join(" ".join(lines).split())


def test_files(cli: Any, runs: list[Path], tmp_path: Path) -> None:
    out = ["--out", tmp_path / "c.html", "--csv", tmp_path / "c.csv", "--json", tmp_path / "c.json"]
    outcome = cli("compare", *runs, *out)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "c.html").read_text().startswith("<!doctype html>")
    with (tmp_path / "c.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 3
    assert json.loads((tmp_path / "c.json").read_text())["n"] == 60
    assert cli("compare", *runs, "--csv", tmp_path / "c.csv").code == 2


def test_json_on_the_terminal_is_nothing_but_json(cli: Any, runs: list[Path]) -> None:
    assert len(json.loads(cli("compare", *runs, "--json", "-").out)["pairs"]) == 3


def test_mistakes_are_told_without_a_traceback(cli: Any, runs: list[Path], tmp_path: Path) -> None:
    lost = cli("compare", runs[0], tmp_path / "lost")
    assert lost.code == 2
    assert "there is no" in lost.err
    assert cli("compare", runs[0]).code == 2


def test_names_are_cut_from_the_left() -> None:
    assert cut("a/long/path/run", 8) == "…ath/run"
    assert cut("line\nbreak", 20) == "line break"
