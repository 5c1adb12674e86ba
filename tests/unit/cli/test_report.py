"""``headstart report``: two files, said where; a mistake is one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run(tmp_path: Path, image_folder: Any, store_run: Any) -> Path:
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=3)
    names = [f"{label}/{n}.png" for label in ("cat", "dog") for n in range(3)]
    said = dict.fromkeys(names, "cat")
    folder: Path = store_run(tmp_path / "waste", photos, said)
    return folder


def test_it_says_where_the_page_and_its_twin_are(cli: Any, run: Path, tmp_path: Path) -> None:
    page = tmp_path / "shown" / "waste.html"
    done = cli("report", run, "--out", page)
    assert done.code == 0, done.err
    assert done.out.split() == [str(page), str(page.with_suffix(".md"))]
    source = page.read_text(encoding="utf-8")
    assert "dog/2.png" in source
    assert len(re.findall(r'data-row="\d', source)) == 3
    assert "No activation maps" in source
    assert "| dog | 3 | 0 |" in page.with_suffix(".md").read_text(encoding="utf-8")


def test_without_out_it_is_in_the_run(cli: Any, run: Path) -> None:
    assert cli("report", run, "--maps", 0).code == 0
    assert {"report.html", "report.md"} <= {file.name for file in run.iterdir()}
    assert "No activation maps" not in (run / "report.html").read_text(encoding="utf-8")


def test_what_is_no_run_is_a_mistake(cli: Any, tmp_path: Path) -> None:
    done = cli("report", tmp_path / "nothing")
    assert done.code == 2
    assert "there is no run at" in done.err
