from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.speeds import Speed, record_speed


def test_every_backbone_has_a_line(cli: Any) -> None:
    header, *lines = cli("backbones").out.splitlines()
    titles = ["name", "million", "GMACs", "px", "top-1", "licence", "weights", "img/s"]
    assert header.split() == titles
    assert [line.split()[0] for line in lines] == [spec.name for spec in CATALOG]
    assert lines[0].split() == [
        *("efficientnet_lite0", "4.7", "0.39", "224", "74.8", "Apache-2.0", "bundled")
    ]


def test_it_fits_a_hundred_columns(cli: Any, own_cache: Path) -> None:
    for spec in CATALOG:
        record_speed(own_cache, spec, Speed(1234.5, "bf16", 224))
    assert max(map(len, cli("backbones").out.splitlines())) <= 100


def test_a_search_looks_at_every_name(cli: Any) -> None:
    for spec in CATALOG[::7]:
        for alias in spec.aliases:
            assert spec.name in cli("backbones", "--search", alias.upper()).out
    assert len(cli("backbones", "--search", "no such network").out.splitlines()) == 1


def test_few_are_shown_with_all_that_is_known(cli: Any) -> None:
    shown = cli("backbones", "--search", "nasnetmobile").out
    assert "5,289,978" in shown
    assert "NASNetMobile, nasnet_4a1056" in shown
    assert "mean 0.485 0.456 0.406" in shown
    assert "https://github.com/osmr/imgclsmob" in shown


def test_any_network_of_timms_can_be_asked_about(cli: Any) -> None:
    assert "timm/resnet26" in cli("backbones", "--search", "timm/resnet26").out
    outcome = cli("backbones", "--search", "timm/resnet26x")
    assert outcome.code == 2
    assert "did you mean" in outcome.err


def test_json_holds_everything(cli: Any, own_cache: Path) -> None:
    record_speed(own_cache, find_backbone("vgg16"), Speed(12.0, "f32", 96))
    facts = json.loads(cli("backbones", "--json").out)
    assert [fact["name"] for fact in facts] == [spec.name for spec in CATALOG]
    (vgg,) = (fact for fact in facts if fact["name"] == "vgg16")
    assert vgg["parameters"] == 138_357_544
    assert vgg["preprocessing"]["interpolation"] == "bilinear"
    assert vgg["weights"]["source"] == "https://huggingface.co/timm/vgg16.tv_in1k"
    assert vgg["speed"] == {"images_per_s": 12.0, "precision": "f32", "size_px": 96}
    assert facts[0]["speed"] is None


def test_speeds_of_another_cache_can_be_shown(cli: Any, tmp_path: Path) -> None:
    record_speed(tmp_path / "mine", find_backbone("vgg16"), Speed(77.0, "f32", 96))
    assert (
        cli("backbones", "--search", "vgg16", "--cache", tmp_path / "mine")
        .out.split("\n")[1]
        .endswith("77")
    )
