from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.backbones.timm_adapter import build_network
from headstart.config import TrainConfig, build_config
from headstart.data.containers import ArraysContainer
from headstart.data.digest import content_digest
from headstart.data.manifest import Manifest
from headstart.errors import UnknownNameError, WeightsError
from headstart.progress import Silent
from headstart.workflows.featuriser import Featuriser


def listed(pictures: list[Any]) -> tuple[Manifest, list[str]]:
    container = ArraysContainer(pictures)
    paths = tuple(container.names())
    none = (None,) * len(paths)
    digests = [content_digest(container.read(path)) for path in paths]
    return Manifest(container, paths, none, none, none), digests


def build(config: TrainConfig, cache: Path) -> Featuriser:
    return Featuriser(config, cache=cache, progress=Silent())


def vectors(featured: Any) -> np.ndarray:
    table = featured.features
    return np.asarray(table.read(np.arange(len(table)), np.arange(table.dim)))


def test_features_are_computed_once(config: TrainConfig, cache: Path, picture: Any) -> None:
    manifest, digests = listed([picture(0), picture(1), picture(0)])
    featuriser = build(config, cache)
    geometry = featuriser.geometry("squash")
    first = featuriser.featurise(manifest, digests, geometry)
    assert first.computed == 2
    found = vectors(first)
    assert found.shape == (3, featuriser.graph.layout.dim)
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])
    again = build(config, cache).featurise(manifest, digests, geometry)
    assert again.computed == 0
    assert np.array_equal(vectors(again), found)


def test_another_geometry_or_precision_is_another_space(
    config: TrainConfig, cache: Path, picture: Any
) -> None:
    manifest, digests = listed([picture(0, size=(96, 48))])
    featuriser = build(config, cache)
    squashed = featuriser.featurise(manifest, digests, featuriser.geometry("squash"))
    cropped = featuriser.featurise(manifest, digests, featuriser.geometry("crop"))
    assert (squashed.computed, cropped.computed) == (1, 1)
    assert not np.array_equal(vectors(squashed), vectors(cropped))
    bf16 = featuriser.precision == "bf16"
    other = config.model_copy(
        update={"engine": config.engine.model_copy(update={"precision": "f32"})}
    )
    exact = build(other, cache).featurise(manifest, digests, featuriser.geometry("squash"))
    assert exact.computed == int(bf16)


def test_what_cannot_be_decoded_is_named_with_its_copies(
    config: TrainConfig, cache: Path, picture: Any, tmp_path: Path
) -> None:
    from headstart.data.containers import FolderContainer

    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(picture(0)).save(tmp_path / name)
    content = (tmp_path / "b.png").read_bytes()
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    container = FolderContainer(tmp_path)
    paths = ("a.png", "b.png", "c.png")
    none = (None,) * 3
    digests = [content_digest(container.read(path)) for path in paths]
    manifest = Manifest(container, paths, none, none, none)
    featuriser = build(config, cache)
    featured = featuriser.featurise(manifest, digests, featuriser.geometry("squash"))
    assert {row: bad.path for row, bad in featured.rejected.items()} == {1: "b.png", 2: "c.png"}
    assert len(featured.features) == 1


def test_a_geometry_is_the_backbones_unless_the_user_says(config: TrainConfig, cache: Path) -> None:
    plain = build(config, cache)
    assert plain.geometry("crop").size_px == 96
    assert plain.geometry("crop").crop_fraction == plain.spec.crop_fraction
    assert plain.geometry("crop").interpolation == plain.spec.interpolation
    wished = build_config({"data": {"crop_fraction": 0.5, "interpolation": "box"}})
    geometry = build(wished, cache).geometry("crop")
    assert (geometry.crop_fraction, geometry.interpolation) == (0.5, "box")
    assert geometry.size_px == plain.spec.size_px


def test_the_precision_is_measured_against_float32_once(
    config: TrainConfig, cache: Path, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, _ = listed([picture(seed) for seed in range(5)])
    featuriser = build(config, cache)
    geometry = featuriser.geometry("squash")
    found = featuriser.agreement(manifest, geometry)
    assert found["precision"] == featuriser.precision
    assert found["images"] == 5
    assert 0.99 < float(found["cosine_min"]) <= float(found["cosine_mean"]) <= 1.0001
    json.dumps(found)
    monkeypatch.setattr(Featuriser, "_measure_agreement", None)
    assert build(config, cache).agreement(manifest, geometry) == found


def test_an_unknown_backbone_is_refused_at_once(cache: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean efficientnet_lite0"):
        build(build_config({"backbone": {"name": "efficientnet_lit0"}}), cache)


def weights_of(config: TrainConfig, weights: str) -> TrainConfig:
    backbone = config.backbone.model_copy(update={"weights": weights})
    return config.model_copy(update={"backbone": backbone})


def test_other_weights_are_another_space(config: TrainConfig, cache: Path, picture: Any) -> None:
    manifest, digests = listed([picture(0)])
    usual, random = build(config, cache), build(weights_of(config, "none"), cache)
    found = [f.featurise(manifest, digests, f.geometry("squash")) for f in (usual, random)]
    assert [featured.computed for featured in found] == [1, 1]
    assert not np.allclose(vectors(found[0])[:, :16], vectors(found[1])[:, :16])


def test_notes_tell_of_weights_that_are_not_the_usual_ones(
    config: TrainConfig, cache: Path, tmp_path: Path
) -> None:
    assert build(config, cache).notes == ()
    usual = build(config, cache)
    tensors = dict(build_network(usual.spec, usual.weights).state_dict())
    other = {"classifier.weight": torch.ones(7, 1280), "classifier.bias": torch.ones(7)}
    file = tmp_path / "mine.pth"
    torch.save({"state_dict": {f"module.{n}": t for n, t in (tensors | other).items()}}, file)
    named, headless = build(weights_of(config, str(file)), cache).notes
    assert named.startswith(f"weights: {file} (SHA-256 ")
    assert headless == (
        f"the classifier of efficientnet_lite0 is not used: {file} has none of imagenet-1k's shape"
    )


def test_weights_that_are_nowhere_are_noticed_at_once(config: TrainConfig, cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere.pth does not exist"):
        build(weights_of(config, "nowhere.pth"), cache)
