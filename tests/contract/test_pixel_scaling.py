"""Wrongly scaled pixels ruin a pretrained network; nobody gets to scale them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from pydantic import BaseModel

import headstart
from headstart.backbones.catalog import find_backbone
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import resolve_weights
from headstart.bundle import BundleInfo
from headstart.config import TrainConfig, build_config
from headstart.data.decoding import decode, load_pixels
from headstart.data.geometry import Geometry
from headstart.errors import ConfigError, DataError
from headstart.serving.predictor import Predictor

SPEC = dataclasses.replace(find_backbone("efficientnet_lite0"), taps=(), labels=None)
WRONG = {
    "0..1, not centred": ((0.0,) * 3, (1.0,) * 3),
    "0..255": ((0.0,) * 3, (1 / 255,) * 3),
    "scaled twice": ((127.5,) * 3, (127.5,) * 3),
}
"""Mean and deviation that stand for each mistake on the scale of 0 to 1."""
SIZE_PX = 96
SUSPECT = re.compile(r"mean|std|scal|norm|rgb|bgr|channel|dtype")
INNOCENT = {"head.batch_norm", "training.augmentation.channel_shift"}
"""Hidden layers of a head; a random change of training images, in uint8 as they are."""
Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def seen(photos, tmp_path_factory) -> dict[str, Array]:
    """Unit feature vectors of four photos, two of each scene, by way of scaling."""
    weights = resolve_weights(SPEC, cache=tmp_path_factory.mktemp("cache"))
    network = build_network(SPEC, weights).eval()
    pixels = torch.from_numpy(
        np.stack([load_pixels(photo, Geometry(size_px=SIZE_PX)) for photo in photos])
    )
    scalings = {"right": (SPEC.mean, SPEC.std), **WRONG}
    with torch.inference_mode():
        features = {
            name: TappedBackbone(network, dataclasses.replace(SPEC, mean=mean, std=std))(pixels)[0]
            for name, (mean, std) in scalings.items()
        }
    return {name: (f / f.norm(dim=1, keepdim=True)).numpy() for name, f in features.items()}


@pytest.mark.parametrize(
    ("way", "cosine"), [("0..1, not centred", 0.97), ("0..255", 0.6), ("scaled twice", 0.2)]
)
def test_wrong_scaling_turns_the_features(seen: dict[str, Array], way: str, cosine: float) -> None:
    assert (seen["right"] * seen[way]).sum(axis=1).max() < cosine


def test_scaled_twice_all_photos_look_alike(seen: dict[str, Array]) -> None:
    right, twice = (seen[way] @ seen[way].T for way in ("right", "scaled twice"))
    assert right.min() < 0.6
    assert twice.min() > 0.99


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{prefix}{name}.")


def test_no_setting_reaches_the_normalisation() -> None:
    settings = [*_settings(TrainConfig), *_settings(BundleInfo)]
    assert "data.interpolation" in settings
    assert {name for name in settings if SUSPECT.search(name)} == INNOCENT


PUBLIC = [getattr(headstart, name) for name in headstart.__all__ if name != "HeadstartError"]


@pytest.mark.parametrize("public", [*PUBLIC, Predictor], ids=lambda public: public.__name__)
def test_no_public_argument_reaches_the_normalisation(public: Any) -> None:
    methods = [value for key, value in vars(public).items() if key[0] != "_" and callable(value)]
    arguments = [
        argument
        for function in (public, *methods)
        for argument in inspect.signature(function).parameters
    ]
    assert arguments
    assert [argument for argument in arguments if SUSPECT.search(argument)] == []


@pytest.mark.parametrize("section", ["data", "backbone", "engine"])
def test_whoever_sets_it_anyway_is_told_so(section: str) -> None:
    with pytest.raises(ConfigError, match=rf"{section}\.mean"):
        build_config({section: {"mean": [0, 0, 0]}})


def test_a_bundles_graph_takes_raw_pixels_only(small_bundle) -> None:
    graph = onnx.load(small_bundle / "graph.onnx", load_external_data=False).graph
    (pixels,) = graph.input
    assert pixels.type.tensor_type.elem_type == onnx.TensorProto.UINT8


SCALED = {
    "0..1": lambda image: image / 255,
    "0..1, float32": lambda image: (image / 255).astype(np.float32),
    "normalised": lambda image: image / 127.5 - 1,
    "0..255, float32": lambda image: image.astype(np.float32),
    "0..255, int64": lambda image: image.astype(np.int64),
}


@pytest.mark.parametrize("way", SCALED)
def test_scaled_pixels_are_refused_at_every_door(way: str, picture, small_bundle, tmp_path) -> None:
    images = [SCALED[way](picture(seed)) for seed in range(4)]
    model = headstart.ImageClassifier(cache=tmp_path)
    predictor = headstart.load(small_bundle)
    doors = [
        lambda: model.fit(images, ["a", "a", "b", "b"]),
        lambda: predictor.predict(images),
        lambda: predictor.predict_proba(np.stack(images)),
        lambda: decode(images[0]),
        lambda: load_pixels(images[0], Geometry()),
    ]
    for door in doors:
        with pytest.raises(DataError, match=rf"{images[0].dtype}.*expected uint8"):
            door()
