from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.workflows.error_analysis import error_analysis
from headstart.workflows.error_tables import write_summary
from headstart.workflows.evaluate import evaluate

SAID = {
    **{f"cat/{n}.png": "cat" for n in range(4)},
    "dog/0.png": "dog",
    "dog/1.png": "cat",
    "dog/2.png": "eel",
    "dog/3.png": "dog",
    **{f"eel/{n}.png": "eel" for n in range(4)},
}


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def stored(
    tmp_path: Path, image_folder: Callable[..., Path], store_run: Callable[..., Path]
) -> Path:
    photos = image_folder(tmp_path / "photos", "cat", "dog", "eel", per_class=4)
    return store_run(tmp_path / "run", photos, SAID)


def test_a_finished_run_is_analysed_from_its_files(finished: Any) -> None:
    run = finished.result
    found = error_analysis(run.folder)
    assert found.accuracy == run.test.metrics["accuracy"]
    assert found.notes == ()
    again, first = found.analysis, run.errors
    assert again.images == first.images
    assert [(it.true, it.predicted, it.rows) for it in again.pairs] == [
        (it.true, it.predicted, it.rows) for it in first.pairs
    ]
    assert again.labels.judged == first.labels.judged == 33
    assert [it.path for it in again.labels.suspects] == [it.path for it in first.labels.suspects]
    stored = json.loads((run.folder / "errors.json").read_text())
    assert stored == first.to_json()


def test_answers_of_any_evaluation_are_analysed(finished: Any, tmp_path: Path) -> None:
    evaluate(finished.result.folder, finished.photos, out=tmp_path / "judged")
    found = error_analysis(tmp_path / "judged")
    assert found.analysis.n == found.analysis.measured == 36
    assert {it.trait for it in found.analysis.slices} >= {"brightness", "sharpness"}
    assert found.analysis.labels.judged == 0
    assert found.notes == ()


def test_without_a_class_it_neither_occurs_nor_is_answered(stored: Path) -> None:
    whole, some = error_analysis(stored), error_analysis(stored, without=["eel"])
    assert (whole.analysis.n, some.analysis.n) == (12, 8)
    assert some.accuracy == whole.accuracy
    assert some.analysis.classes == ("cat", "dog")
    assert some.without is not None
    assert some.without.taken_for_left_out == 1
    assert some.without.as_answered.value == 6 / 8
    assert some.without.renormalised.n == 8
    assert "without" in some.to_json()


def test_tables_are_written_whole_and_nothing_else_is_touched(stored: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in stored.iterdir()}
    found = error_analysis(stored, out=tmp_path / "errors")
    assert {path: path.read_bytes() for path in stored.iterdir()} == before
    assert {path.name for path in (tmp_path / "errors").iterdir()} == {
        "errors.json",
        *(f"{name}.csv" for name in ("wrong", "pairs", "classes", "slices")),
        "suspect_labels.csv",
        "suspect_test_labels.csv",
    }
    wrong = table(tmp_path / "errors" / "wrong.csv")
    assert {row["path"] for row in wrong} == {"dog/1.png", "dog/2.png"}
    pairs = table(tmp_path / "errors" / "pairs.csv")
    assert [(row["true_label"], row["label"], row["count"]) for row in pairs] == [
        ("dog", "cat", "1"),
        ("dog", "eel", "1"),
    ]
    dog = table(tmp_path / "errors" / "classes.csv")[1]
    assert (dog["true_positives"], dog["false_negatives"], dog["recall"]) == ("2", "2", "0.500000")
    assert found.folder == tmp_path / "errors"


def test_suspects_of_the_run_are_shown_again(stored: Path, finished: Any) -> None:
    write_summary(stored, finished.result.errors)
    (stored / "suspect_labels.csv").write_text(
        "path,split,label,suggested_label,suggested_probability,label_quality,wrong_probability\n"
        "a.png,train,cat,dog,0.9,0.1,0.75\nb.png,val,eel,dog,0.8,0.2,0.5\n"
    )
    check = error_analysis(stored).analysis.labels
    assert (check.judged, [it.path for it in check.suspects]) == (33, ["a.png", "b.png"])
    assert (check.suspects[0].quality, check.expected) == (0.1, 1.25)
    assert error_analysis(stored, without=["eel"]).analysis.labels == check


def test_suspects_of_an_older_version_have_no_chance_beside_them(stored: Path) -> None:
    (stored / "suspect_labels.csv").write_text(
        "path,split,label,suggested_label,suggested_probability,label_quality\n"
        "a.png,train,cat,dog,0.9,0.1\n"
    )
    check = error_analysis(stored).analysis.labels
    assert [it.path for it in check.suspects] == ["a.png"]
    assert math.isnan(check.expected)
    assert check.to_json()["expected_wrong"] is None


def test_what_an_older_run_did_not_keep_is_said(stored: Path) -> None:
    first, second = error_analysis(stored).notes
    assert "the run has no image_traits.csv" in first
    assert "the run has no suspect_labels.csv" in second


def test_mistakes_are_named(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean dog"):
        error_analysis(stored, without=["dgo"])
    with pytest.raises(ConfigError, match="exists already"):
        error_analysis(stored, out=tmp_path)
    with pytest.raises(DataError, match="there is no run at"):
        error_analysis(tmp_path / "nowhere")
    bare = Path(shutil.copytree(stored, tmp_path / "bare"))
    lines = [line.split(",")[:5] for line in (stored / "predictions.csv").read_text().splitlines()]
    (bare / "predictions.csv").write_text("\n".join(map(",".join, lines)))
    with pytest.raises(DataError, match="has no prob_<class> columns"):
        error_analysis(bare)
    (stored / "suspect_labels.csv").write_text("path,split\na,b\n")
    with pytest.raises(DataError, match=r"suspect_labels.csv cannot be read"):
        error_analysis(stored)
