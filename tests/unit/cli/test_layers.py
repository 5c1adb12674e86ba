from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_the_table_numbers_every_layer_from_nought(cli: Any) -> None:
    outcome = cli("layers", "lite0")
    header, *lines, summary = outcome.out.splitlines()
    assert header.split() == ["layer", "stage", "name", "kind", "output", "shape", "parameters"]
    assert [line.split()[0] for line in lines] == [str(number) for number in range(131)]
    assert " ".join(lines[88].split()) == "88 5 blocks.5.0.conv_pw Conv2d 672 x 14 x 14 75,264"
    assert summary == (
        "efficientnet_lite0 at 224 pixels: 131 layers (0 to 130) in 6 stages, 3,371,008 parameters"
    )


def test_what_is_trained_is_marked_and_said(cli: Any) -> None:
    outcome = cli("layers", "lite0", "--train", "last 280 of 780 layers", "--head", "linear")
    rows, summary = outcome.out.splitlines()[1:133], outcome.out.splitlines()[133:]
    trained = [row.split()[0] for row in rows if row.endswith("  trained")]
    assert (trained[0], trained[-1]) == ("84", "131")
    assert (
        "the last 280 of 780 layers is taken in proportion: the last 47 of the 131" in summary[-1]
    )


def test_json_says_the_same(cli: Any) -> None:
    about = json.loads(cli("layers", "lite0", "--json", "--train", "last stage", "--imgsz", 64).out)
    assert about["layers"][0] == {
        "number": 0,
        "name": "conv_stem",
        "kind": "Conv2dSame",
        "shape": [32, 32, 32],
        "parameters": 864,
        "stage": "blocks.1",
        "trained": False,
    }
    assert about["train"]["frozen_up_to"] == "blocks.5"
    trained = sum(layer["parameters"] for layer in about["layers"] if layer["trained"])
    assert about["train"]["parameters"] == trained


def test_the_drawing_is_written_and_json_stays_clean(cli: Any, tmp_path: Path) -> None:
    outcome = cli("layers", "lite0", "--json", "--svg", tmp_path / "net.svg")
    assert json.loads(outcome.out)["backbone"] == "efficientnet_lite0"
    assert "net.svg" in outcome.err
    assert (tmp_path / "net.svg").read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-net",), "unknown backbone"),
        (("lite0", "--train", "last 132 layers"), "there are 131 layers"),
        (("lite0", "--train", "blocks.9"), "did you mean blocks"),
        (("lite0", "--head", "tree"), "unknown head"),
    ],
)
def test_mistakes_are_said_in_a_line(arguments: Any, message: str, cli: Any) -> None:
    outcome = cli("layers", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.out == ""
