"""``headstart recipes``, and ``train --recipe``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headstart.config.recipes import recipe_names


def test_the_list_names_every_recipe_with_its_result(cli: Any) -> None:
    outcome = cli("recipes")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert [line for line in lines if line in recipe_names()] == recipe_names()
    assert ".5309" in outcome.out
    assert "VGG19, VGG16, InceptionV3, Xception" in outcome.out
    assert max(map(len, lines)) <= 100


def test_one_recipe_is_shown_whole(cli: Any) -> None:
    text = cli("recipes", "butterflies").out
    assert "training.phases.0.optimiser.epsilon" in text
    assert "translated: Keras' L2 of .001, twice" in text
    assert "from layer 94 of 132" in text
    assert "two-class softmax" in text


def test_as_json(cli: Any) -> None:
    about = json.loads(cli("recipes", "waste", "--json").out)
    by_key = {line["key"]: line for line in about["settings"]}
    assert by_key["data.image_size_px"] == {
        "key": "data.image_size_px",
        "value": 320,
        "kind": "source",
        "words": "",
    }
    assert [one["name"] for one in json.loads(cli("recipes", "--json").out)] == recipe_names()


@pytest.mark.parametrize("arguments", [("recipes", "wast"), ("train", "x", "--recipe", "wast")])
def test_an_unknown_name_gets_the_nearest(cli: Any, arguments: tuple[str, ...]) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert "did you mean waste" in outcome.err


def test_defaults_recipe_file_options_set(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def train(data: str, **options: Any) -> None:
        asked.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr("headstart.workflows.train.train", train)
    file = tmp_path / "mine.yaml"
    file.write_text("data: {val: 0.2, image_size_px: 64, max_pixels: 1000}\n")
    cli("train", "x", "--recipe", "butterflies", "--backbone", "VGG16", "-c", file,
        "--image-size", "96", "--max-pixels", "2000", "--set", "data.max_pixels=3000")  # fmt: skip
    (call,) = asked
    planned, data = call["recipe"], call["recipe"].config.data
    assert (data.allow_bad, data.test) == (False, 0.2)  # default, recipe
    assert (data.val, data.image_size_px, data.max_pixels) == (0.2, 96, 3000)
    assert (planned.name, planned.recipe) == ("butterflies-vgg16", "butterflies")


def test_a_recipe_of_several_networks_is_for_benchmark(cli: Any, tmp_path: Path) -> None:
    outcome = cli("train", tmp_path, "--recipe", "butterflies")
    assert outcome.code == 2
    assert "headstart benchmark DATA --recipe butterflies" in outcome.err
    assert "headstart benchmark DATA --recipe butterflies" in " ".join(
        cli("recipes", "butterflies").out.split()
    )
