"""``headstart train`` from a folder to a bundle, and what is on disk afterwards."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import headstart

FILES = {
    "bundle/bundle.json",
    "bundle/graph.onnx",
    "bundle/weights.safetensors",
    "config.yaml",
    "confusion.csv",
    "environment.json",
    "errors.json",
    "history.csv",
    "image_traits.csv",
    "metrics.json",
    "per_class.csv",
    "predictions.csv",
    "rejected.csv",
    "report.html",
    "risk_coverage.csv",
    "report.md",
    "split.csv",
    "suspect_labels.csv",
    "suspect_test_labels.csv",
    "tensorboard/events.out.tfevents.headstart",
    "validation.csv",
}


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def scores(folder: Path) -> dict[str, Any]:
    """``metrics.json`` without what a clock decides."""
    metrics = read_json(folder / "metrics.json")
    del metrics["timings_s"]
    return metrics


def forward_passes(folder: Path) -> int:
    return int(read_json(folder / "environment.json")["forward_passes"])


def test_a_run_holds_every_file_of_the_design(finished: Any) -> None:
    found = {
        path.relative_to(finished.folder).as_posix()
        for path in finished.folder.rglob("*")
        if path.is_file()
    }
    plots = {name for name in found if name.startswith("plots/")}
    assert found - plots == FILES
    assert plots
    assert all(name.endswith(".png") for name in plots)
    for name in plots:
        with Image.open(finished.folder / name) as image:
            image.verify()


def test_every_metric_has_its_interval_and_every_judgement_its_n(finished: Any) -> None:
    metrics = read_json(finished.folder / "metrics.json")
    assert metrics["schema"] == 1
    assert metrics["images"] == {"train": 30, "val": 3, "test": 3}
    assert metrics["test"]["n"] == 3
    assert metrics["validation"]["n"] == 33
    for judged in (metrics["test"], metrics["validation"]):
        names = judged.keys() - {"n"}
        assert names >= {"accuracy", "f1_macro", "f1_weighted", "balanced_accuracy"}
        assert names >= {"nll", "brier", "ece", "ece_uncalibrated"}
        for name in names:
            assert judged[name].keys() == {"value", "low", "high"}, name
            assert judged[name]["low"] <= judged[name]["value"] <= judged[name]["high"], name
    timings = metrics["timings_s"]
    steps = sum(seconds for step, seconds in timings.items() if step != "total")
    assert 0 < steps <= timings["total"] + 0.01


def test_the_tables_agree_with_each_other(finished: Any) -> None:
    splits = read_table(finished.folder / "split.csv")
    predictions = read_table(finished.folder / "predictions.csv")
    tested = {row["image_path"]: row["label"] for row in splits if row["split"] == "test"}
    assert {row["path"]: row["true_label"] for row in predictions} == tested
    right = sum(row["label"] == row["true_label"] for row in predictions)
    accuracy = read_json(finished.folder / "metrics.json")["test"]["accuracy"]["value"]
    assert accuracy == pytest.approx(right / len(predictions))
    confusion = read_table(finished.folder / "confusion.csv")
    assert sum(int(row[row["true \\ predicted"]]) for row in confusion) == right
    per_class = read_table(finished.folder / "per_class.csv")
    assert [row["label"] for row in per_class] == ["cat", "dog", "eel"]
    assert sum(int(row["support"]) for row in per_class) == len(predictions)


def test_the_bundle_says_what_the_run_said(
    finished: Any, cli: Callable[..., Any], tmp_path: Path
) -> None:
    trained = read_table(finished.folder / "predictions.csv")
    images = [finished.photos / row["path"] for row in trained]
    table = tmp_path / "predictions.csv"
    outcome = cli("predict", finished.folder, *images, "--out", table, "--probabilities")
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{len(images)} images, 0 of them unreadable: {table}\n"
    deployed = read_table(table)
    assert [row["path"] for row in deployed] == [str(image) for image in images]
    assert [row["label"] for row in deployed] == [row["label"] for row in trained]
    for name in ("prob_cat", "prob_dog", "prob_eel"):
        ours, theirs = ([float(row[name]) for row in rows] for rows in (trained, deployed))
        assert theirs == pytest.approx(ours, abs=0.05)


def test_again_from_its_own_settings_costs_no_forward_pass(
    finished: Any, warm_cache: Path, cli: Callable[..., Any], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    settings = finished.folder / "config.yaml"
    outcome = cli("train", finished.photos, "--config", settings, "--out", again)
    assert outcome.code == 0, outcome.err
    assert forward_passes(finished.folder) == 36
    assert forward_passes(again) == 0
    assert scores(again) == scores(finished.folder)
    assert yaml.safe_load((again / "config.yaml").read_text()) == yaml.safe_load(
        settings.read_text()
    )
    assert f"report  {again / 'report.html'}" in outcome.out
    assert f"bundle  {again / 'bundle'}" in outcome.out
    assert "3 unseen test images" in outcome.out


def test_its_splits_can_be_read_back(
    finished: Any, photos: Path, warm_cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copy(finished.folder / "split.csv", photos / "split.csv")
    other_seed = {**small, "seed": 7}
    result = headstart.train(photos, config=other_seed, out=tmp_path / "run", cache=warm_cache)
    splits = [read_table(folder / "split.csv") for folder in (result.folder, finished.folder)]
    assert splits[0] == splits[1]
    judged = headstart.evaluate(result.bundle, photos, split="test")
    assert judged.images == {"test": 3}
    assert judged.judgement.metrics["accuracy"].value == result.test.metrics["accuracy"].value


def test_no_choice_sees_the_test_images(
    finished: Any, photos: Path, warm_cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    rows = read_table(finished.folder / "split.csv")
    wrong = {"cat": "dog", "dog": "eel", "eel": "cat"}
    with (photos / "split.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            label = wrong[row["label"]] if row["split"] == "test" else row["label"]
            writer.writerow({**row, "label": label})
    result = headstart.train(photos, config=small, out=tmp_path / "run", cache=warm_cache)
    for name in ("history.csv", "bundle/weights.safetensors"):
        assert (result.folder / name).read_bytes() == (finished.folder / name).read_bytes(), name
    assert result.validation.metrics == finished.result.validation.metrics
    accuracy = finished.result.test.metrics["accuracy"].value
    assert accuracy == 1.0
    assert result.test.metrics["accuracy"].value == 0.0


def test_an_archive_of_the_same_photos_is_the_same_data(
    finished: Any, warm_cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(finished.photos.rglob("*.png")):
            packed.write(path, path.relative_to(finished.photos))
    result = headstart.train(archive, config=small, out=tmp_path / "run", cache=warm_cache)
    assert forward_passes(result.folder) == 0
    assert scores(result.folder)["test"] == scores(finished.folder)["test"]


def test_only_what_is_new_is_computed(
    photos: Path, warm_cache: Path, small: dict[str, Any], picture: Any, tmp_path: Path
) -> None:
    Image.fromarray(picture(999)).save(photos / "cat" / "new.png")
    (photos / "cat" / "0.png").rename(photos / "cat" / "renamed.png")
    result = headstart.train(photos, config=small, out=tmp_path / "run", cache=warm_cache)
    assert forward_passes(result.folder) == 1


def test_an_unnamed_run_gets_a_number(
    finished: Any,
    warm_cache: Path,
    small: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "photos").mkdir(parents=True)
    result = headstart.train(finished.photos, config=small)
    assert result.folder == Path("runs/photos-2")
    assert result.report.is_file()
    assert not list((tmp_path / "runs" / "photos").iterdir())


def test_a_run_among_the_photos_is_no_class(
    finished: Any,
    photos: Path,
    warm_cache: Path,
    small: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``cd photos; headstart train .``, twice: the second must not learn from the first's plots."""
    shutil.copytree(finished.folder, photos / "runs" / "photos")
    monkeypatch.chdir(photos)
    result = headstart.train(".", config=small)
    assert result.folder == Path("runs/photos-2")
    assert headstart.load(result.bundle).classes_.tolist() == ["cat", "dog", "eel"]


def test_class_names_may_be_anything_a_folder_may_be_called(
    photos: Path, warm_cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    names = ['a, "b"', "<script>alert(1)", "größe $x^2$"]
    for path, name in zip(sorted(photos.iterdir()), names, strict=True):
        path.rename(photos / name)
    result = headstart.train(photos, config=small, out=tmp_path / "run")
    assert [row["label"] for row in read_table(result.folder / "per_class.csv")] == sorted(names)
    assert headstart.load(result.bundle).classes_.tolist() == sorted(names)
    assert "<script>alert" not in result.report.read_text(encoding="utf-8")


def test_two_images_a_class_are_enough(
    photos: Path, warm_cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    for path in photos.rglob("*.png"):
        if path.stem not in {"0", "1"}:
            path.unlink()
    result = headstart.train(photos, config=small, out=tmp_path / "run")
    assert result.test.n == 3
    assert any("fewer than 10 test images" in note for note in result.notes)


def test_pytorch_as_the_engine_makes_the_same_kind_of_bundle(
    finished: Any, cache: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    config = {**small, "engine": {"name": "torch", "precision": "f32"}}
    result = headstart.train(finished.photos, config=config, out=tmp_path / "run")
    environment = read_json(result.folder / "environment.json")
    assert (environment["engine"], environment["precision"]) == ("torch", "f32")
    trained = read_table(result.folder / "predictions.csv")
    deployed = headstart.load(result.bundle).predict(
        [finished.photos / row["path"] for row in trained]
    )
    assert deployed.tolist() == [row["label"] for row in trained]


def test_the_same_path_from_python(finished: Any, picture: Any) -> None:
    predictor = headstart.load(finished.folder)
    images = sorted(finished.photos.rglob("*.png"))
    probabilities = predictor.predict_proba(images)
    assert probabilities.shape == (36, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (predictor.classes_[probabilities.argmax(axis=1)] == predictor.predict(images)).all()
    arrays = [np.asarray(Image.open(path)) for path in images[:5]]
    assert np.allclose(predictor.predict_proba(arrays), probabilities[:5], atol=0.02)
    predictions = headstart.predict(predictor, [finished.photos])
    assert [prediction.path for prediction in predictions] == [str(path) for path in images]
    assert [p.label for p in predictions] == predictor.predict(images).tolist()
    judged = headstart.evaluate(predictor, finished.photos).judgement
    right = [p.label == Path(p.path).parent.name for p in predictions]
    assert judged.n == 36
    assert judged.metrics["accuracy"].value == pytest.approx(np.mean(right))
