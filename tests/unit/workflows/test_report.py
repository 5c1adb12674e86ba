"""The report of a run, made as it ends and made again: the same page from the same files."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from headstart.data.containers import FolderContainer
from headstart.errors import DataError
from headstart.workflows.evaluate import evaluate
from headstart.workflows.report import report
from headstart.workflows.report_maps import MapPlan, draw_maps
from headstart.workflows.report_pictures import Doubt, PictureSource, take_pictures, take_suspects
from headstart.workflows.stored_answers import read_answers


@pytest.fixture(scope="module")
def evaluated(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 36 photos judged: a test with errors and more images than three."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    evaluate(finished.result.bundle, finished.photos, out=folder, cache=finished.cache)
    return folder


def pool(page: Path) -> Any:
    source = page.read_text(encoding="utf-8")
    return json.loads(re.findall(r'id="pool">(.*?)</script>', source, re.S)[0])


def test_the_page_made_again_is_the_page(finished: Any, tmp_path: Path) -> None:
    again = report(finished.result.folder, out=tmp_path / "again", maps=24)
    assert again == tmp_path / "again" / "report.html"
    first = finished.result.report
    for made, kept in ((again, first), (again.with_suffix(".md"), first.with_suffix(".md"))):
        texts = [re.sub(r"\d[\d.]*\u00a0(s|min)\b", "", it.read_text()) for it in (made, kept)]
        untimed = [re.sub(r'width:[\d.]+%|<tr class="total">.*|.*>report<.*', "", t) for t in texts]
        lines = [{line for line in text.splitlines() if "time" not in line} for text in untimed]
        assert len(lines[0] ^ lines[1]) <= 6, lines[0] ^ lines[1]


def test_every_test_image_is_in_the_page(finished: Any) -> None:
    held = pool(finished.result.report)
    answers = read_answers(finished.result.folder)
    assert [entry[1] for entry in held["images"]] == list(answers.paths)
    assert held["classes"] == list(answers.classes)


def test_an_evaluation_has_a_report_too(evaluated: Path) -> None:
    page = report(evaluated)
    assert page == evaluated / "report.html"
    assert len(pool(page)["images"]) == 36
    text = (evaluated / "report.md").read_text(encoding="utf-8")
    assert "| cat | 12 |" in text


def test_images_that_are_gone_or_changed_are_not_shown(finished: Any, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(finished.photos, photos)
    first, second, third = read_answers(finished.result.folder).paths
    (photos / first).unlink()
    Image.new("RGB", (9, 9)).save(photos / second)
    page = report(finished.result.folder, data=photos, out=tmp_path / "r.html", maps=0)
    assert [entry[1] for entry in pool(page)["images"]] == [third]
    assert "2 test images are gone or changed since" in page.read_text(encoding="utf-8")


def test_without_the_images_the_figures_remain(finished: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished.result.folder, tmp_path / "run"))
    facts = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**facts, "data": str(tmp_path / "gone")}))
    source = report(run).read_text(encoding="utf-8")
    assert "the images are not where the run found them" in source
    assert "Class by class" in source
    assert 'id="pool"' not in source


def test_what_is_no_run_is_refused(tmp_path: Path, finished: Any) -> None:
    with pytest.raises(DataError, match="there is no run"):
        report(tmp_path / "nothing")
    run = Path(shutil.copytree(finished.result.folder, tmp_path / "run"))
    (run / "predictions.csv").write_text("path,true_label,label\na,cat,cat\n")
    with pytest.raises(DataError, match="no probabilities"):
        report(run)


def test_maps_show_what_was_said_and_what_it_is(finished: Any, evaluated: Path) -> None:
    answers = read_answers(evaluated)
    wrong = "dog" if answers.said[0] == "cat" else "cat"
    mistaken = type(answers)(**{**vars(answers), "labels": (wrong, *answers.labels[1:])})
    source = PictureSource(FolderContainer(finished.photos), max_pixels=10_000)
    errors = take_pictures(mistaken, source).errors
    assert errors[0].row == 0 or answers.labels != answers.said
    mapped = draw_maps(errors, mistaken, source, finished.result.bundle, MapPlan(most=1))
    first, *others = mapped.errors
    assert [one.label for one in first.maps] == [first.predicted, first.label]
    assert first.maps[0].probability == pytest.approx(first.confidence)
    assert all(one.picture.startswith(b"\xff\xd8") for one in first.maps)
    assert not any(error.maps for error in others)
    assert ("--maps" in mapped.note) == bool(others)
    none = draw_maps(errors, mistaken, source, evaluated / "no-bundle", MapPlan())
    assert none.errors == tuple(errors)
    assert "No activation maps" in none.note


def test_doubted_labels_have_their_pictures(finished: Any) -> None:
    source = PictureSource(FolderContainer(finished.photos), max_pixels=10_000)
    doubts = [Doubt("cat/0.png", "train", "cat", "dog", 0.9), Doubt("gone.png", "val", "a", "b", 1)]
    (suspect,) = take_suspects(doubts, source)
    assert (suspect.example.label, suspect.example.predicted) == ("cat", "dog")
    assert suspect.split == "train"
