"""A run on photos of which some are labelled wrong on purpose."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from headstart.backbones.graph import BackboneGraph
from headstart.config import TrainConfig
from headstart.evaluation.error_analysis import LabelCheck, Suspect, analyse_errors
from headstart.evaluation.slices import Trait
from headstart.files import write_csv
from headstart.workflows.run_errors import error_notes, judge_of_labels
from headstart.workflows.train import TrainResult, train

COLOURS = {"red": (190, 60, 60), "green": (60, 190, 60), "blue": (60, 60, 190)}
WRONG = {"red/3.png": "green", "red/17.png": "blue", "green/8.png": "red", "blue/11.png": "green"}
"""Photo -> the label it is given: a twentieth of all."""
COPIED = {"green/8.png", "blue/11.png"}
"""Wrong ones that are there twice, under the same wrong label."""


class Noisy(NamedTuple):
    photos: Path
    result: TrainResult


@pytest.fixture(scope="module")
def noisy(
    tmp_path_factory: pytest.TempPathFactory,
    picture: Callable[..., Any],
    lite0_graph: BackboneGraph,
    config: TrainConfig,
) -> Noisy:
    root = tmp_path_factory.mktemp("noisy")
    rows: list[list[str]] = []
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for number in range(30):
            path = f"{name}/{number}.png"
            pixels = picture(seed=len(rows)) // 4 + np.array(colour, np.uint8) // 2
            Image.fromarray(pixels.astype(np.uint8)).save(root / path)
            split = "test" if number >= 26 else "val" if number >= 22 else "train"
            rows.append([path, WRONG.get(path, name), split])
    for path in sorted(COPIED):
        shutil.copy(root / path, root / path.replace("/", "/copy"))
        rows.append([path.replace("/", "/copy"), WRONG[path], "train"])
    write_csv(root / "split.csv", ["image_path", "label", "split"], rows)
    graphs = lite0_graph.path.parent.parent
    shutil.copytree(graphs, root / "cache" / graphs.name)
    return Noisy(root, train(root, config=config, out=root / "run", cache=root / "cache"))


def suspects(folder: Path) -> list[dict[str, str]]:
    with (folder / "suspect_labels.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_wrong_labels_are_found_even_where_a_copy_says_the_same(noisy: Noisy) -> None:
    rows = suspects(noisy.result.folder)
    wrong = {**WRONG, **{path.replace("/", "/copy"): WRONG[path] for path in COPIED}}
    found = {row["path"] for row in rows}
    assert len(found & wrong.keys()) >= 5  # of six
    assert len(found - wrong.keys()) <= 1
    for row in rows:
        if row["path"] in wrong:
            assert row["label"] == wrong[row["path"]]
            assert row["suggested_label"] == row["path"].split("/")[0]
            assert row["split"] == "train"
            assert float(row["label_quality"]) < 0.5 < float(row["suggested_probability"])
    qualities = [float(row["label_quality"]) for row in rows]
    assert qualities == sorted(qualities)


def test_nothing_is_changed(noisy: Noisy) -> None:
    with (noisy.result.folder / "split.csv").open(newline="") as stream:
        labels = {row["image_path"]: row["label"] for row in csv.DictReader(stream)}
    assert {path: labels[path] for path in WRONG} == WRONG


def test_the_run_tells_and_keeps_what_it_found(noisy: Noisy) -> None:
    result = noisy.result
    assert result.errors is not None
    assert result.errors.labels.judged == 80
    assert result.errors.test_labels.judged == 12
    count = len(suspects(result.folder))
    stored = json.loads((result.folder / "errors.json").read_text())
    expected = result.errors.labels.expected
    assert stored["labels"] == {
        "judged": 80,
        "suspects": count,
        "expected_wrong": pytest.approx(expected),
        "overlapping": [],
    }
    assert stored["n"] == stored["images_measured"] == 12
    (note,) = [note for note in result.notes if "suspect_labels.csv" in note]
    assert note.startswith(f"{count} of 80 training and validation labels are worth a look")
    assert result.timings_s["error analysis"] < result.timings_s["total"]


def test_a_network_that_knows_nothing_is_not_asked_about_labels() -> None:
    def candidate(origin: str) -> Any:
        return SimpleNamespace(featuriser=SimpleNamespace(weights=SimpleNamespace(origin=origin)))

    pretrained, random, tuned = candidate("package"), candidate("random"), candidate("package")
    assert judge_of_labels(pretrained, tuned) is pretrained
    assert judge_of_labels(random, tuned) is tuned


def test_how_many_labels_are_wrong_and_which_cannot_be_judged_is_told() -> None:
    found = analyse_errors(np.eye(2), [0, 1], classes="ab", images="cd")
    suspects = tuple(Suspect("c", "train", "a", "b", 0.9, 0.1, wrong) for wrong in (0.9, 0.6, 0.4))
    (some,) = error_notes(found.with_labels(LabelCheck(10, suspects)))
    assert "3 of 10 training and validation labels are worth a look, about 2 of them" in some
    (pairs,) = error_notes(found.with_labels(LabelCheck(10, overlapping=(("a", "b"),))))
    assert "cannot be told between a and b: the classifier confuses them" in pairs


def test_a_run_tells_of_kinds_of_images_only_what_is_shown() -> None:
    targets = np.arange(80) % 2
    dark = np.arange(80) < 20
    answers = np.eye(2)[np.where(dark, 1 - targets, targets)]
    trait = Trait("brightness", np.arange(80.0), ("darkest", "darker", "brighter", "brightest"))
    images = [f"{row}.png" for row in range(80)]
    found = analyse_errors(answers, targets, classes=("a", "b"), images=images, traits=[trait])
    notes = list(error_notes(found))
    assert notes[0].startswith("the darkest images (brightness 0.00 to 19.00) are recognised less")
    assert list(error_notes(analyse_errors(np.eye(2), [0, 1], classes="ab", images="cd"))) == []
