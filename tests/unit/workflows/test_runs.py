from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.workflows.runs import list_runs, run_json


@pytest.fixture
def folder(
    tmp_path: Path, image_folder: Callable[..., Path], store_run: Callable[..., Path]
) -> Path:
    """Three runs, one of them a folder deeper; and what is none."""
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=2)
    names = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]
    said = dict(zip(names, ["cat", "cat", "dog", "dog"], strict=True))
    runs = tmp_path / "runs"
    store_run(runs / "best", photos, said)
    store_run(runs / "knn", photos, {**said, "dog/0.png": "cat"}, head={"name": "knn"})
    store_run(runs / "grid" / "deep", photos, {**said, "dog/0.png": "cat", "dog/1.png": "cat"})
    (runs / "photos-only").mkdir()
    (runs / ".new.partial-7").mkdir()
    (runs / "cut").mkdir()
    (runs / "cut" / "config.yaml").write_text("seed: 1")
    (runs / "damaged").mkdir()
    (runs / "damaged" / "metrics.json").write_text("{")
    return runs


def names(runs: object) -> list[str]:
    return [run.name for run in runs.runs]  # type: ignore[attr-defined]


def test_every_run_is_found_and_the_rest_is_named(folder: Path) -> None:
    found = list_runs(folder)
    assert sorted(names(found)) == ["best", "deep", "knn"]
    reasons = {it.folder.name: it.reason for it in found.broken}
    assert set(reasons) == {"photos-only", ".new.partial-7", "cut", "damaged"}
    assert reasons[".new.partial-7"] == "unfinished: under way, or cut off"
    assert reasons["cut"].startswith("not whole")
    assert reasons["photos-only"].startswith("no run")


def test_a_run_that_can_go_on_says_how(folder: Path) -> None:
    (folder / ".new.partial-7" / "resume.json").write_text("{}")
    (reason,) = [it.reason for it in list_runs(folder).broken if ".partial" in it.folder.name]
    assert reason.endswith(f"to go on: headstart train --resume {folder / 'new'}")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("accuracy", ["best", "knn", "deep"]),
        ("-accuracy", ["deep", "knn", "best"]),
        ("nll", ["deep", "knn", "best"]),
        ("name", ["best", "deep", "knn"]),
        ("-name", ["knn", "deep", "best"]),
        ("head.name", ["knn", "best", "deep"]),
    ],
)
def test_sorting(folder: Path, sort: str, expected: list[str]) -> None:
    assert names(list_runs(folder, sort=sort)) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["head.name=knn"], ["knn"]),
        (["head!=knn"], ["best", "deep"]),
        (["accuracy>=0.75"], ["best", "knn"]),
        (["accuracy > .5", "head.name = linear"], ["best"]),
        (["data~PHOTO"], ["best", "deep", "knn"]),
        (["n==4", "seconds<1"], []),
        (["created>2026-01-01"], ["best", "deep", "knn"]),
        (["created>=2027"], []),
    ],
)
def test_filters(folder: Path, filters: list[str], expected: list[str]) -> None:
    found = list_runs(folder, filters=filters, sort="name")
    assert names(found) == expected
    assert found.hidden == 3 - len(expected)


def test_a_setting_that_only_some_have(folder: Path) -> None:
    (folder / "knn" / "config.yaml").write_text("head: {name: knn, neighbours: 5}")
    assert names(list_runs(folder, sort="head.neighbours"))[0] == "knn"
    assert names(list_runs(folder, filters=["head.neighbours>3"])) == ["knn"]


def test_mistakes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean accuracy"):
        list_runs(folder, sort="acuracy")
    with pytest.raises(UnknownNameError, match=r"did you mean head\.name"):
        list_runs(folder, filters=["head.nam=knn"])
    with pytest.raises(ConfigError, match="expected key=value"):
        list_runs(folder, filters=["knn"])
    with pytest.raises(DataError, match="there is no folder"):
        list_runs(tmp_path / "lost")


def test_one_run_is_a_list_of_one(folder: Path) -> None:
    assert names(list_runs(folder / "knn")) == ["knn"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert list_runs(tmp_path).runs == ()


def test_everything_of_a_run_as_json(folder: Path) -> None:
    (run,) = list_runs(folder / "best").runs
    found = json.loads(json.dumps(run_json(run)))
    assert found["metrics"]["accuracy"]["value"] == 1
    assert found["config"]["head"] == {"name": "linear"}
