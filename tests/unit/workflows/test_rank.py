from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec, PackagedWeights
from headstart.config import TrainConfig, build_config
from headstart.errors import ConfigError, UnknownNameError, WeightsError
from headstart.selection.ranking import RankResult
from headstart.workflows import rank as rank_module
from headstart.workflows.preparation import prepare
from headstart.workflows.rank import list_local_backbones, rank

ORPHAN = "efficientnet_orphan"


@pytest.fixture
def photos(tmp_path: Path, image_folder: Any) -> Path:
    """3 x 12 tinted pictures."""
    folder: Path = image_folder(tmp_path / "photos", "cat", "dog", "eel", per_class=12)
    return folder


@pytest.fixture
def orphan(monkeypatch: pytest.MonkeyPatch) -> str:
    """A backbone whose weights package is not installed."""
    lite0 = find_backbone("lite0")
    assert isinstance(lite0.weights, PackagedWeights)
    lost = replace(lite0.weights, package="no_such_package", sha256="0" * 64)
    spec = replace(lite0, name=ORPHAN, weights=lost)

    def find(name: str) -> BackboneSpec:
        return spec if name == ORPHAN else find_backbone(name)

    monkeypatch.setattr(rank_module, "find_backbone", find)
    monkeypatch.setattr("headstart.workflows.featuriser.find_backbone", find)
    return ORPHAN


def test_a_backbone_with_its_scores_and_costs(
    photos: Path, cache: Path, config: TrainConfig
) -> None:
    found = rank(photos, ["lite0"], config=config, cache=cache)
    (best,) = found.ranked
    assert (best.name, best.rank, best.published_top1) == ("efficientnet_lite0", 1, 74.85)
    assert best.scores.linear.value > 0.8
    assert best.scores.knn.value > 0.8
    assert 0 < best.scores.shrunk_h_score <= best.scores.h_score <= 2 + 1e-6
    assert 0 < best.cost.seconds_an_image < 5
    assert 10e6 < best.cost.bundle_bytes < 20e6
    assert (found.sampled, found.images, found.classes, found.geometry) == (33, 33, 3, "squash")
    assert any("squashed" in note for note in found.notes)


def test_test_images_stay_unseen(
    photos: Path, cache: Path, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, ...]] = []
    real = rank_module.run_pass

    def spy(manifest: Any, *args: Any, **options: Any) -> Any:
        seen.append(manifest.paths)
        return real(manifest, *args, **options)

    monkeypatch.setattr(rank_module, "run_pass", spy)
    found = rank(photos, ["lite0"], config=config, cache=cache)
    split = prepare(
        photos, config.data, seed=config.seed, cache=cache, progress=rank_module.Silent()
    ).manifest
    test = {split.paths[row] for row in split.rows_in("test")}
    assert len(test) == 3
    assert test.isdisjoint(seen[0])
    assert "3 test images were not looked at" in found.notes[0]


def test_a_second_call_computes_nothing_and_says_the_same(
    photos: Path, cache: Path, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rank(photos, ["lite0"], config=config, cache=cache)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("headstart.workflows.rank_pass.score_backbone", refuse)
    monkeypatch.setattr("headstart.workflows.rank_pass.ImagePipeline", refuse)
    monkeypatch.setattr("headstart.workflows.featuriser.Featuriser._build_engine", refuse)
    second = rank(photos, ["lite0"], config=config, cache=cache)
    assert [it.to_json() for it in second.ranked] == [it.to_json() for it in first.ranked]


def test_what_decides_the_scores_is_part_of_what_is_remembered(
    photos: Path, cache: Path, config: TrainConfig
) -> None:
    both = [
        rank(
            photos,
            ["lite0"],
            config=build_config({**config.model_dump(), "head": head}),
            cache=cache,
        )
        for head in ({"taps": "final"}, {"taps": "early"})
    ]
    assert [it.leader.scores.taps for it in both] == ["final", "early"]


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"linear": 1}'])
def test_damaged_memories_are_made_anew(
    photos: Path, cache: Path, config: TrainConfig, damage: str
) -> None:
    first = rank(photos, ["lite0"], config=config, cache=cache)
    for path in [*cache.glob("features/*/scores-*"), *cache.glob("features/*/cost-*")]:
        path.write_text(damage)
    second = rank(photos, ["lite0"], config=config, cache=cache)
    assert second.leader.scores.to_json() == first.leader.scores.to_json()


def test_one_that_fails_is_named_and_the_others_go_on(
    photos: Path, cache: Path, config: TrainConfig, orphan: str
) -> None:
    found = rank(photos, [orphan, "lite0", "EfficientNetLite0"], config=config, cache=cache)
    assert [it.name for it in found.ranked] == ["efficientnet_lite0"]
    assert [it.name for it in found.failed] == [orphan]
    assert "no-such-package is not installed" in found.failed[0].reason


def test_if_none_can_be_used_the_reasons_are_given(
    photos: Path, cache: Path, config: TrainConfig, orphan: str
) -> None:
    with pytest.raises(WeightsError, match=f"none of the backbones .* {orphan}: .*not installed"):
        rank(photos, [orphan], config=config, cache=cache)


def test_an_unknown_name_stops_before_any_work(cache: Path) -> None:
    with pytest.raises(UnknownNameError, match="efficientnet_lite0"):
        rank("no such folder", ["lite0", "eficientnet_lite0"], cache=cache)


def test_a_place_that_is_taken_stops_before_any_work(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        rank("no such folder", ["lite0"], out=tmp_path, cache=cache)


def test_by_default_every_backbone_that_is_here() -> None:
    names = {spec.name for spec in list_local_backbones()}
    assert {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"} <= names


def test_unreadable_images_are_left_out_and_named(
    photos: Path, cache: Path, config: TrainConfig
) -> None:
    damaged = photos / "cat" / "0.png"
    damaged.write_bytes(damaged.read_bytes()[:400])  # the header is sound, the pixels are not
    lenient = build_config(
        {**config.model_dump(), "data": {"image_size_px": 96, "allow_bad": True}}
    )
    found = rank(photos, ["lite0"], config=lenient, images=1000, cache=cache)
    assert (found.sampled, found.images) == (32, 33)
    assert found.leader.scores.right.shape == (32,)
    assert any("cat/0.png: truncated PNG" in note for note in found.notes)


@pytest.fixture
def files(
    photos: Path, cache: Path, config: TrainConfig, tmp_path: Path
) -> tuple[RankResult, Path]:
    """A ranking and the folder it was written to."""
    out = tmp_path / "ranking"
    return rank(photos, ["lite0"], config=config, out=out, cache=cache), out


def test_a_folder_holds_page_plot_and_tables(files: tuple[RankResult, Path]) -> None:
    found, out = files
    assert sorted(path.name for path in out.iterdir()) == [
        "rank.csv",
        "rank.html",
        "rank.json",
        "rank.png",
    ]
    content = json.loads((out / "rank.json").read_text())
    assert content["ranked"][0]["linear"] == found.leader.scores.linear.to_json()
    with (out / "rank.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["log_evidence"]) == found.leader.scores.log_evidence
    assert (out / "rank.png").read_bytes().startswith(b"\x89PNG")


def test_one_file_by_its_ending(photos: Path, cache: Path, config: TrainConfig) -> None:
    for name, start in (("rank.png", b"\x89PNG"), ("rank.html", b"<!doctype html>")):
        out = photos.parent / name
        rank(photos, ["lite0"], config=config, out=out, cache=cache)
        assert out.read_bytes().startswith(start)
