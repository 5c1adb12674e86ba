from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.errors import ConfigError, DataError
from headstart.workflows import compare as module
from headstart.workflows.compare import compare
from headstart.workflows.evaluate import evaluate

TARGETS = np.array([0, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])


@pytest.fixture
def photos(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", per_class=6)


@pytest.fixture
def said(photos: Path) -> dict[str, str]:
    found = sorted(photos.glob("*/*.png"))
    return {f"{path.parent.name}/{path.name}": path.parent.name for path in found}


@pytest.fixture
def runs(
    tmp_path: Path, photos: Path, said: dict[str, str], store_run: Callable[..., Path]
) -> list[Path]:
    """A run that is always right, and one that takes three cats for dogs."""
    wrong = {f"cat/{number}.png": "dog" for number in range(3)}
    return [
        store_run(tmp_path / "runs" / "good", photos, said),
        store_run(tmp_path / "runs" / "bad", photos, {**said, **wrong}),
    ]


def test_the_public_name() -> None:
    assert headstart.compare is module.compare


def test_arrays() -> None:
    said = {"a": PROBABILITIES, "b": PROBABILITIES[:, ::-1]}
    result = headstart.compare(said, TARGETS, classes=["cat", "dog"])
    assert result.n == 4
    assert [it.name for it in result.standings] == ["a", "b"]
    assert result.pair("a", "b").test.only_first == 3
    assert result.headline == "no difference that 4 images could show (p = .62)"
    json.dumps(result.to_json())


def test_arrays_of_names_bring_their_classes() -> None:
    result = compare({"a": ["x", "y"], "b": ["x", "z"]}, ["x", "y"])
    assert result.contest.classes == ("x", "y", "z")
    assert compare({"a": [0, 2], "b": [1, 1]}, [0, 1]).contest.classes == ("0", "1", "2")
    assert compare({"a": PROBABILITIES, "b": [0, 1, 0, 0]}, TARGETS).contest.classes == ("0", "1")
    with pytest.raises(ValueError, match="in the columns' order"):
        compare({"a": PROBABILITIES, "b": PROBABILITIES}, ["x", "y", "x", "y"])


def test_runs_with_all_there_is(runs: list[Path], said: dict[str, str], tmp_path: Path) -> None:
    result = compare(runs, out=tmp_path / "compared")
    assert [it.name for it in result.standings] == ["good", "bad"]
    assert {result.images[row] for row in result.contest.only("good")} == {
        f"cat/{number}.png" for number in range(3)
    }
    folder = tmp_path / "compared"
    assert result.page == folder / "compare.html"
    written = {path.name for path in folder.iterdir()}
    assert written == {"compare.html", "compare.json", "pairs.csv", "classes.csv", "images.csv"}
    page = (folder / "compare.html").read_text()
    assert page.count("data:image/jpeg") == 3
    found = json.loads((folder / "compare.json").read_text())
    assert found["standings"][0]["only"] == sorted(f"cat/{number}.png" for number in range(3))
    assert found["pairs"][0]["only_first"] == 3
    with (folder / "images.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["good"] for row in rows] == [row["true_label"] for row in rows]
    assert sum(int(row["right"]) for row in rows) == 2 * len(said) - 3
    with (folder / "pairs.csv").open(newline="") as stream:
        (pair,) = csv.DictReader(stream)
    assert float(pair["accuracy"]) == pytest.approx(3 / 12)


def test_train_and_evaluate_are_compared_on_the_same_images(finished: Any, tmp_path: Path) -> None:
    shutil.copytree(finished.photos, tmp_path / "moved")
    shutil.copy(finished.result.folder / "split.csv", tmp_path / "moved")
    evaluate(finished.result.folder, tmp_path / "moved", split="test", out=tmp_path / "judged")
    result = compare({"trained": finished.result.folder, "judged": tmp_path / "judged"})
    assert result.n == finished.result.test.n
    assert result.notes == ()
    assert result.pair("trained", "judged").agreement.kappa == 1


def test_other_images_are_refused_or_left_out(
    runs: list[Path], photos: Path, said: dict[str, str], tmp_path: Path, store_run: Any
) -> None:
    del said["cat/0.png"]
    runs.append(store_run(tmp_path / "runs" / "fewer", photos, said))
    with pytest.raises(DataError, match=r"good 12, bad 12, fewer 11; 11 in all of them.*--common"):
        compare(runs)
    assert compare(runs, common=True).n == 11


def test_images_that_changed_since_are_not_shown(
    runs: list[Path], photos: Path, tmp_path: Path
) -> None:
    shutil.copy(photos / "dog" / "0.png", photos / "cat" / "0.png")
    page = compare(runs, out=tmp_path / "c.html").page
    assert page is not None
    assert page.read_text().count("data:image/jpeg") == 2
    assert "1 images are gone or changed since" in page.read_text()


def test_images_that_are_gone_are_named(runs: list[Path], photos: Path, tmp_path: Path) -> None:
    photos.rename(tmp_path / "elsewhere")
    compare(runs, out=tmp_path / "without.html")
    assert "not where the runs found them" in (tmp_path / "without.html").read_text()
    compare(runs, out=tmp_path / "with.html", data=tmp_path / "elsewhere")
    assert (tmp_path / "with.html").read_text().count("data:image/jpeg") == 3


def test_a_table_of_another_tool_is_compared_by_its_answers(
    runs: list[Path], said: dict[str, str], tmp_path: Path
) -> None:
    table = "".join(f"{path},{path.split('/')[0]},{label}\n" for path, label in said.items())
    (tmp_path / "theirs.csv").write_text("path,true_label,label\n" + table)
    result = compare([runs[1], tmp_path / "theirs.csv"])
    pair = result.pair("bad", "theirs.csv")
    assert (pair.first, pair.nll) == ("theirs.csv", None)
    assert any("gives no probabilities" in note for note in result.notes)


def test_a_class_that_one_does_not_know(
    runs: list[Path], photos: Path, said: dict[str, str], tmp_path: Path, store_run: Any
) -> None:
    text = (runs[1] / "predictions.csv").read_text().splitlines()
    shorter = [",".join([*line.split(",")[:-2], "1"]) for line in text]
    shorter[0] = text[0].removesuffix(",prob_dog")
    (runs[1] / "predictions.csv").write_text("\n".join(shorter))
    result = compare(runs)
    assert any(note.startswith("bad does not know dog") for note in result.notes)
    assert result.pair("good", "bad").test.only_first == 6


def test_runs_of_one_name_are_told_apart(runs: list[Path], tmp_path: Path) -> None:
    shutil.copytree(runs[0], tmp_path / "more" / "good")
    result = compare([runs[0], tmp_path / "more" / "good"])
    assert {it.name for it in result.standings} == {"runs/good", "more/good"}


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ("runs/a", {}, "one run is nothing to compare"),
        (["runs/a"], {}, "found 1"),
        (["runs/a", "runs/a"], {}, "named twice"),
        ({"a": PROBABILITIES, "b": PROBABILITIES}, {}, "arrays need the true classes"),
        ([PROBABILITIES], {"targets": TARGETS}, "compared by name"),
        (["runs/a", "runs/b"], {"classes": ["x"]}, "classes are given without targets"),
    ],
)
def test_mistakes(models: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(models, **options)


def test_an_existing_page_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.html").touch()
    with pytest.raises(ConfigError, match="exists already"):
        compare(["a", "b"], out=tmp_path / "c.html")
