"""What every backbone of the catalog promises; a new entry is tested for free."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pytest
import torch

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.graph import BackboneGraph, build_module
from headstart.backbones.spec import CLASSIFIER_TAP, FINAL_TAP, BackboneSpec
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.weights import resolve_weights
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.torch_engine import TorchEngine

Array = npt.NDArray[np.float32]
IMAGES = 4
SMALL_PX = 64


@dataclass(frozen=True)
class Built:
    spec: BackboneSpec
    module: TappedBackbone
    graph: BackboneGraph
    pixels: npt.NDArray[np.uint8]
    reference: Array

    @cached_property
    def exact(self) -> Array:
        return run(self, "f32")


@pytest.fixture(scope="module", params=CATALOG, ids=lambda spec: spec.name)
def built(request, exported, photos, tmp_path_factory) -> Built:
    spec = request.param
    weights = resolve_weights(spec, cache=tmp_path_factory.mktemp("digests"))
    module = build_module(spec, weights)
    pixels = np.stack([load_pixels(photo, Geometry(size_px=spec.size_px)) for photo in photos])
    (reference,) = TorchEngine(module, device="cpu").stream([pixels])
    return Built(spec, module, exported(spec, spec.size_px), pixels, reference)


def run(built: Built, precision: str, *, batch_size: int = IMAGES) -> Array:
    engine = OpenVinoEngine(built.graph.path, precision=precision, batch_size=batch_size)
    starts = range(0, IMAGES, batch_size)
    return np.concatenate(
        list(engine.stream(built.pixels[start : start + batch_size] for start in starts))
    )


def test_its_features_are_laid_out_as_declared(built: Built) -> None:
    layout = built.graph.layout
    assert layout == built.module.measure_layout(SMALL_PX)
    assert tuple(dict.fromkeys(block.tap for block in layout.blocks)) == (
        *built.spec.taps,
        FINAL_TAP,
        *([CLASSIFIER_TAP] if built.spec.labels else []),
    )
    assert built.reference.shape == (IMAGES, layout.dim)
    assert np.isfinite(built.reference).all()


def test_it_tells_images_apart(built: Built) -> None:
    assert (built.reference.std(axis=0) > 0).mean() > 0.5


def test_its_parameters_are_as_many_as_declared(built: Built) -> None:
    weights = built.module.network.parameters()
    assert sum(weight.numel() for weight in weights) == built.spec.parameters


@torch.inference_mode()
def test_the_normalisation_is_part_of_it(built: Built) -> None:
    spec, pixels = built.spec, built.pixels[:2, :SMALL_PX, :SMALL_PX]
    scaled = (pixels / 255 - np.array(spec.mean)) / np.array(spec.std)
    images = torch.from_numpy(scaled.transpose(0, 3, 1, 2).astype(np.float32))
    expected = built.module.network.forward_features(images).mean((2, 3)).numpy()
    columns = built.graph.layout.columns([f"{FINAL_TAP}/mean"])
    features = torch.cat(built.module(torch.from_numpy(pixels)), dim=1).numpy()
    np.testing.assert_allclose(features[:, columns], expected, rtol=1e-3, atol=1e-4)


def test_gradients_reach_the_first_layer(built: Built) -> None:
    for parameter in built.module.parameters():
        parameter.grad = None
    blocks = built.module(torch.from_numpy(built.pixels[:1, :SMALL_PX, :SMALL_PX]))
    sum(block.sum() for block in blocks).backward()
    stem = next(built.module.network.parameters()).grad
    assert stem is not None
    assert torch.isfinite(stem).all()
    assert stem.abs().max() > 0


def test_openvino_agrees_with_pytorch(built: Built) -> None:
    scale = np.abs(built.reference).max()
    np.testing.assert_allclose(built.exact, built.reference, rtol=1e-3, atol=1e-4 * scale)


def test_bf16_points_the_same_way(built: Built) -> None:
    rough, exact = run(built, "bf16"), built.reference
    norms = np.linalg.norm(rough, axis=1) * np.linalg.norm(exact, axis=1)
    assert ((rough * exact).sum(axis=1) / norms).min() > 0.999


def test_neighbours_do_not_change_an_images_features(built: Built) -> None:
    apart = run(built, "f32", batch_size=3)
    scale = np.abs(built.exact).max()
    np.testing.assert_allclose(apart, built.exact, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.name)
def test_every_name_and_alias_finds_it_in_any_case(spec: BackboneSpec) -> None:
    for name in (spec.name, *spec.aliases):
        assert find_backbone(name) is find_backbone(name.upper()) is find_backbone(name.lower())
        assert find_backbone(name) is spec


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.name)
def test_every_fact_is_filled_in(spec: BackboneSpec) -> None:
    assert all(value not in ("", (), None) for value in dataclasses.astuple(spec))
    assert 0 < spec.crop_fraction <= 1
    assert spec.licence
    assert spec.weights_key
