"""Every recipe, from the images to the bundle, cut down to seconds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headstart
from headstart.config.recipes import find_recipe, recipe_names
from headstart.errors import ConfigError
from headstart.workflows.stored_run import read_run


@pytest.fixture
def few(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", "eel", per_class=16)


def cut_down(name: str) -> list[str]:
    """Options that make a recipe cheap and leave its plan as it is."""
    sets = [
        "head.folds=2",
        "judgement.resamples=100",
        "data.val=0.25",
        "data.image_size_px=32",
    ]
    recipe = find_recipe(name)
    if "epochs" in recipe.settings["head"]:
        sets.append("head.epochs=1")
    if "phases" in recipe.settings["training"]:
        sets += ["training.phases.*.epochs=1", "training.phases.*.batch_size=16"]
    return [part for assignment in sets for part in ("--set", assignment)]


def stand_in(name: str) -> list[str]:
    """Options for a network that is at hand: random where it is trained, else pretrained.

    A head on a random network's features is nothing to deploy: bfloat16 blurs it.
    """
    settings = find_recipe(name).settings
    if settings["backbone"].get("weights") == "none":
        return []
    if settings["training"]["strategy"] == "probe":
        return ["--backbone", "lite0"]
    return ["--backbone", "cnn6", "--weights", "none"]


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_runs_to_the_end(name: str, cli: Any, few: Path, tmp_path: Path) -> None:
    options = [*stand_in(name), *cut_down(name)]
    outcome = cli("train", few, "--recipe", name, "--out", tmp_path / "run", *options)
    assert outcome.code == 0, outcome.err
    assert "unseen test images" in outcome.out
    assert read_run(tmp_path / "run").recipe == name
    model = headstart.load(tmp_path / "run" / "bundle")
    assert model.predict([next((few / "cat").iterdir())])[0] in {"cat", "dog", "eel"}
    phases = find_recipe(name).settings["training"].get("phases", [])
    trained = tmp_path / "run" / "epochs.csv"
    assert trained.exists() == bool(phases)
    if phases:
        with trained.open() as stream:
            assert len(list(csv.DictReader(stream))) == len(phases)


@pytest.mark.parametrize("name", ["waste", "cinic10-vgg16-3"])
def test_on_a_pretrained_network(name: str, few: Path, tmp_path: Path, cache: Path) -> None:
    del cache
    phases = find_recipe(name).settings["training"]["phases"]
    cut = [{**phase, "epochs": 1, "batch_size": 16} for phase in phases]
    done = headstart.train(
        few,
        recipe=name,
        config={
            "backbone": {"name": "lite0"},
            "data": {"image_size_px": 32, "val": 0.25},
            "head": {"folds": 2, "epochs": 1},
            "judgement": {"resamples": 100},
            "training": {"phases": cut},
        },
        out=tmp_path / "run",
    )
    assert any("the head it started from" in note for note in done.notes)


def test_from_python_a_grid_asks_which_network(few: Path) -> None:
    with pytest.raises(ConfigError, match="headstart benchmark"):
        headstart.train(few, recipe="rakuten-benchmark")
