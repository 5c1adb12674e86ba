from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headstart.data.digest import content_digest
from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.serving.predictor import load
from headstart.workflows.evaluate import evaluate


@pytest.fixture(scope="module")
def predictor(finished: Any) -> Any:
    return load(finished.result.folder)


@pytest.fixture
def photos(finished: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.photos, tmp_path / "photos"))


def test_figures_and_tables_agree(predictor: Any, photos: Path, tmp_path: Path) -> None:
    result = evaluate(predictor, photos, out=tmp_path / "judged")
    assert result.folder == tmp_path / "judged"
    assert result.rejected == ()
    assert result.images == {}
    metrics = json.loads((tmp_path / "judged" / "metrics.json").read_text())
    accuracy = result.judgement.metrics["accuracy"]
    assert metrics["test"]["n"] == 36
    assert metrics["test"]["accuracy"]["value"] == accuracy.value
    with (tmp_path / "judged" / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["path"].startswith(row["true_label"] + "/") for row in rows)
    right = sum(row["label"] == row["true_label"] for row in rows)
    assert accuracy.value == pytest.approx(right / 36)
    names = {path.name for path in (tmp_path / "judged").iterdir()}
    tables = {"predictions.csv", "per_class.csv", "confusion.csv", "image_traits.csv"}
    tables.add("risk_coverage.csv")
    assert names == {"metrics.json", "environment.json", *tables}
    for row in rows:
        assert row["digest"] == content_digest((photos / row["path"]).read_bytes())
    environment = json.loads((tmp_path / "judged" / "environment.json").read_text())
    assert environment["data"] == str(photos)


def test_some_of_the_classes_are_enough(predictor: Any, photos: Path) -> None:
    for name in ("dog", "eel"):
        shutil.rmtree(photos / name)
    result = evaluate(predictor, photos)
    assert result.judgement.n == 12
    assert [score.support for score in result.judgement.per_class] == [12, 0, 0]


def test_figures_without_a_class(predictor: Any, photos: Path, tmp_path: Path) -> None:
    result = evaluate(predictor, photos, without=["eel"], out=tmp_path / "judged")
    assert result.judgement.n == 36
    assert result.without is not None
    assert (result.without.images, result.without.renormalised.n) == (12, 24)
    assert [score.name for score in result.without.renormalised.per_class] == ["cat", "dog"]
    metrics = json.loads((tmp_path / "judged" / "metrics.json").read_text())
    assert metrics["without"] == result.without.to_json()
    with pytest.raises(UnknownNameError, match="did you mean eel"):
        evaluate(predictor, photos, without=["eell"])


def test_one_split_can_be_judged_alone(predictor: Any, photos: Path, finished: Any) -> None:
    shutil.copy(finished.result.folder / "split.csv", photos)
    everything = evaluate(predictor, photos)
    assert everything.images == {"train": 30, "val": 3, "test": 3}
    test = evaluate(predictor, photos, split="test")
    assert test.images == {"test": 3}
    assert test.judgement.n == 3


def test_a_split_that_is_not_there(predictor: Any, photos: Path) -> None:
    with pytest.raises(DataError, match="no 'test' images: it has no splits"):
        evaluate(predictor, photos, split="test")


def test_labels_the_bundle_does_not_know(predictor: Any, photos: Path) -> None:
    (photos / "cat").rename(photos / "cats")
    with pytest.raises(DataError, match=r"1 of the labels: cats \(did you mean cat\?\)"):
        evaluate(predictor, photos)


def test_bad_files_count_nowhere(predictor: Any, photos: Path) -> None:
    (photos / "cat" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="1 of 36 images cannot be read"):
        evaluate(predictor, photos)
    result = evaluate(predictor, photos, allow_bad=True)
    assert result.judgement.n == 35
    assert [bad.path for bad in result.rejected] == ["cat/0.png"]


def test_an_existing_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "judged").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        evaluate(tmp_path / "no bundle", tmp_path / "no photos", out=tmp_path / "judged")
    assert list((tmp_path / "judged").iterdir()) == []
