from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.cli.runs_table import WIDTH


@pytest.fixture
def folder(
    tmp_path: Path,
    image_folder: Callable[..., Path],
    store_run: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    photos = image_folder(tmp_path / "photos_of_the_holidays", "cat", "dog", per_class=1)
    said = {"cat/0.png": "cat", "dog/0.png": "dog"}
    name = "timm/a_network_with_a_very_long_name"
    store_run(tmp_path / "runs" / "one", photos, said, backbone={"name": name})
    store_run(tmp_path / "runs" / "knn", photos, {**said, "cat/0.png": "dog"}, head={"name": "knn"})
    (tmp_path / "runs" / "cut").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_a_table_that_fits_a_terminal(cli: Any, folder: Path) -> None:
    outcome = cli("runs", "--sort", "accuracy")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line.split()[0] for line in lines[1:3]] == ["one", "knn"]
    assert "100.0 [34.2, 100.0]" in lines[1]
    assert lines[3].startswith("left out: runs/cut: no run")


def test_filters_say_how_many_they_hide(cli: Any, folder: Path) -> None:
    out = cli("runs", folder, "--filter", "head.name=knn").out
    assert "knn" in out
    assert "1 more that the filters leave out" in out
    assert "no run is as the filters want it" in cli("runs", "--filter", "accuracy>2").out


def test_json_and_csv(cli: Any, folder: Path) -> None:
    found = json.loads(cli("runs", "--json", "-").out)
    assert {run["name"] for run in found["runs"]} == {"one", "knn"}
    assert found["broken"][0]["folder"] == "runs/cut"
    rows = list(csv.DictReader(io.StringIO(cli("runs", "--csv", "-", "--sort", "name").out)))
    assert [row["name"] for row in rows] == ["knn", "one"]
    assert rows[1]["accuracy"] == "1"
    assert cli("runs", "--csv", "runs.csv").code == 0
    assert Path("runs.csv").read_text().startswith("name,kind,created")


def test_one_run(cli: Any, folder: Path) -> None:
    shown = cli("runs", "show", folder / "knn")
    assert shown.code == 0, shown.err
    assert "head=knn" in shown.out or "head      knn" in shown.out
    assert "head.name=knn" in shown.out
    assert cli("runs", "show", "knn").out.splitlines()[1:] == shown.out.splitlines()[1:]
    assert json.loads(cli("runs", "show", "knn", "--json", "-").out)["head"] == "knn"


@pytest.fixture
def tuned(folder: Path) -> Path:
    """Two runs more that fine-tuned: one network won, one head."""
    for name, note in (
        ("tuned", "the fine-tuned network is kept: fine-tuned against the head"),
        ("beaten", "the head on the pretrained network is kept: fine-tuned against the head"),
    ):
        shutil.copytree(folder / "knn", folder / name)
        metrics = json.loads((folder / name / "metrics.json").read_text())
        (folder / name / "metrics.json").write_text(json.dumps({**metrics, "notes": [note]}))
        settings = {"head": {"name": "linear"}, "training": {"strategy": "full"}}
        (folder / name / "config.yaml").write_text(json.dumps(settings))
    return folder


def test_what_won_is_told_from_what_was_tried(cli: Any, tuned: Path) -> None:
    lines = cli("runs", "--sort", "name").out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    rows = {line.split()[0]: line for line in lines[1:5]}
    assert " full+linear " in rows["tuned"]
    assert " linear " in rows["beaten"]
    assert "full" not in rows["beaten"]
    told = " ".join(" ".join(lines[5:]).split())
    assert "full+linear: the network was fine-tuned (full), and won" in told
    assert "the head alone was kept, fine-tuning lost or was not worth a try: beaten" in told
    assert "fine-tuned network won" in cli("runs", "show", "tuned").out
    assert "full: the head on the pretrained network was kept" in cli("runs", "show", "beaten").out
    kept = cli("runs", "--filter", "kept=fine-tuned", "--csv", "-").out
    assert [row["name"] for row in csv.DictReader(io.StringIO(kept))] == ["tuned"]


def test_times_are_those_of_the_users_clock(
    cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert "01-02 12:04" in cli("runs").out
        assert "made      2026-01-02 12:04:05 UTC+09:00" in cli("runs", "show", "one").out
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_recipe_of_a_run(cli: Any, folder: Path) -> None:
    environment = json.loads((folder / "one" / "environment.json").read_text())
    (folder / "one" / "environment.json").write_text(json.dumps({**environment, "recipe": "waste"}))
    assert "recipe    waste" in cli("runs", "show", "one").out
    assert "  recipe  " not in cli("runs", "show", "knn").out
    found = json.loads(cli("runs", "--filter", "recipe=waste", "--json", "-").out)
    assert [run["name"] for run in found["runs"]] == ["one"]


def test_tracking_a_run(cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.workflows.mlflow_tracking.find_spec", lambda name: None)
    outcome = cli("runs", "track", "one", "mlflow:http://host")
    assert outcome.code == 2
    assert "pip install 'headstart[mlflow]'" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["track", "one"], "expected a run and where to log it"),
        (["track", "one", "wandb"], "expected mlflow, or mlflow:URI"),
        (["lost"], "there is no folder lost"),
        (["show"], "expected one run to show"),
        (["show", "lost"], "there is no run at lost"),
        (["a", "b"], "expected one folder of runs, found 2"),
        (["--sort", "acuracy"], "did you mean accuracy"),
    ],
)
def test_mistakes(cli: Any, folder: Path, arguments: list[str], message: str) -> None:
    outcome = cli("runs", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
