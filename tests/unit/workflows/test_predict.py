from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import ConfigError, DataError
from headstart.progress import Silent
from headstart.serving.predictor import load
from headstart.workflows.predict import predict, table_header


@pytest.fixture(scope="module")
def predictor(finished: Any) -> Any:
    return load(finished.result.folder)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_columns_follow_the_wishes(predictor: Any) -> None:
    plain = ["path", "label", "confidence", "status", "error"]
    assert table_header(predictor, top_k=1, probabilities=False) == plain
    assert table_header(predictor, top_k=2, probabilities=True) == [
        *plain,
        "label_2",
        "confidence_2",
        "prob_cat",
        "prob_dog",
        "prob_eel",
    ]


def test_a_table_has_a_row_an_image_in_order(predictor: Any, finished: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    images = [finished.photos / "eel" / "3.png", bad, finished.photos / "cat" / "0.png"]
    table = tmp_path / "deep" / "table.csv"
    predictions = predict(predictor, images, out=table, top_k=3, probabilities=True)
    assert [prediction.status for prediction in predictions] == ["ok", "error", "ok"]
    first, broken, last = read_rows(table)
    assert [row["path"] for row in (first, broken, last)] == [str(image) for image in images]
    assert broken["error"]
    numbers = [value for key, value in broken.items() if key not in {"path", "status", "error"}]
    assert set(numbers) == {""}
    for row in (first, last):
        ranked = [float(row[key]) for key in ("confidence", "confidence_2", "confidence_3")]
        assert ranked == sorted(ranked, reverse=True)
        assert sum(ranked) == pytest.approx(1, abs=1e-4)
        assert float(row[f"prob_{row['label_2']}"]) == ranked[1]
        assert (row["status"], row["error"]) == ("ok", "")


def test_many_images_are_judged_as_one_is(predictor: Any, finished: Any) -> None:
    many = predict(predictor, [finished.photos])
    assert len(many) == 36
    (one,) = predict(predictor, [finished.photos / "cat" / "0.png"])
    (same,) = (p for p in many if p.path == one.path)
    assert same.label == one.label
    assert same.confidence == pytest.approx(one.confidence, abs=0.05)


def test_a_table_is_replaced_whole(predictor: Any, finished: Any, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("old")
    predict(predictor, [finished.photos / "cat" / "0.png"], out=table)
    assert len(read_rows(table)) == 1
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("top_k", [0, 4])
def test_more_classes_than_there_are(predictor: Any, finished: Any, top_k: int) -> None:
    with pytest.raises(ConfigError, match=f"top_k is {top_k}: expected 1 to 3"):
        predict(predictor, [finished.photos], top_k=top_k)


def test_nothing_to_predict(predictor: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in"):
        predict(predictor, [tmp_path])


def test_progress_hears_of_every_image(predictor: Any, finished: Any) -> None:
    heard: list[tuple[str, int]] = []

    class Listener(Silent):
        def track(self, items: Any, *, total: int, task: str, unit: str) -> Any:
            heard.append((task, total))
            yield from items

        def say(self, message: str) -> None:
            heard.append((message, 0))

    predict(predictor, [finished.photos / "cat"], progress=Listener())
    assert heard == [("predicting", 12)]
