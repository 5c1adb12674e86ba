from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import DataError
from headstart.workflows.evaluate import evaluate
from headstart.workflows.stored_run import read_run

SAID = {"cat/0.png": "cat", "dog/0.png": "cat"}


@pytest.fixture
def stored(
    tmp_path: Path, image_folder: Callable[..., Path], store_run: Callable[..., Path]
) -> Path:
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=1)
    return store_run(tmp_path / "run", photos, SAID)


def test_a_run_of_train(finished: Any) -> None:
    found = read_run(finished.result.folder)
    assert found.kind == "train"
    assert found.name == "run"
    assert found.data == str(finished.photos)
    assert (found.backbone, found.head, found.strategy) == ("efficientnet_lite0", "linear", "probe")
    assert (found.kept, found.recipe) == ("probe", "")
    assert dict(found.figures("validation")) == dict(finished.result.validation.metrics)
    assert found.n == finished.result.test.n
    assert dict(found.metrics) == dict(finished.result.test.metrics)
    assert found.seconds == finished.result.timings_s["total"]
    assert found.notes == finished.result.notes
    assert found.created.startswith("20")
    assert (found.report, found.bundle) == (finished.result.report, finished.result.bundle)


def test_what_evaluate_wrote(finished: Any, tmp_path: Path) -> None:
    evaluate(finished.result.folder, finished.photos, out=tmp_path / "judged")
    found = read_run(tmp_path / "judged")
    assert found.kind == "evaluate"
    assert (found.n, found.seconds, dict(found.config)) == (36, None, {})
    assert found.data == str(finished.photos)
    assert (found.backbone, found.head) == ("efficientnet_lite0", "linear")


def test_settings_of_another_version_are_read(stored: Path) -> None:
    (stored / "config.yaml").write_text("backbone: {name: old}\nlong_gone: 1\n")
    found = read_run(stored)
    assert (found.backbone, found.head, found.strategy) == ("old", "", "")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("metrics.json", "{", "cannot be read"),
        ("metrics.json", "[]", "no JSON object"),
        ("metrics.json", "{}", "says nothing of a test"),
        ("metrics.json", '{"test": {"n": 3, "accuracy": {"value": 1}}}', "a figure that is none"),
        ("config.yaml", "- 1", "must hold settings"),
        ("environment.json", "no", "cannot be read"),
    ],
)
def test_damage_is_named(stored: Path, file: str, text: str, message: str) -> None:
    (stored / file).write_text(text)
    with pytest.raises(DataError, match=message):
        read_run(stored)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no metrics\.json"):
        read_run(tmp_path)
    with pytest.raises(DataError, match="there is no run"):
        read_run(tmp_path / "lost")


def test_a_run_without_environment(stored: Path) -> None:
    (stored / "environment.json").unlink()
    found = read_run(stored)
    assert (found.created, found.data) == ("", "")
    assert json.loads((stored / "metrics.json").read_text())["test"]["n"] == found.n
