"""What every backbone of the catalog promises; a new entry is tested for free.

The bundled networks have their real weights and their native size. Those of a hub have
random ones and the smallest square that says something; their batch norms are set to
what they see, so that activations neither vanish nor blow up. Of each family one or two
are exported and compared with OpenVINO here, the others by ``make test-slow``.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.graph import export_onnx
from headstart.backbones.layout import FeatureLayout
from headstart.backbones.sizes import nearest_sizes
from headstart.backbones.spec import CLASSIFIER_TAP, FINAL_TAP, BackboneSpec, PackagedWeights
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.backbones.weights import resolve_weights
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.torch_engine import TorchEngine

Array = npt.NDArray[np.float32]
IMAGES = 4
SMALL_PX = 64
ROUNDING = 2e-3
"""Random layers amplify it; a slip in taps or normalisation differs by the whole scale."""
LATE = {
    *("vgg19", "resnet101", "convnext_small", "convnext_base", "swin_base_patch4_window7_224"),
    *(f"tf_efficientnet_b{size}" for size in (1, 2, 3, 4, 5, 6, 7)),
    *("tf_efficientnetv2_s", "tf_efficientnetv2_m", "vit_base_patch16_224"),
    *("vit_base_patch14_dinov2", "vit_base_patch16_clip_224", "vit_base_patch16_clip_224.openai"),
    *("regnety_040", "convnextv2_tiny", "resnet34", "resnet50d", "efficientnet_b0"),
    *("vit_small_patch16_224", "deit3_small_patch16_224"),
}


def is_bundled(spec: BackboneSpec) -> bool:
    return isinstance(spec.weights, PackagedWeights)


@dataclass(frozen=True)
class Built:
    spec: BackboneSpec
    module: TappedBackbone
    layout: FeatureLayout
    size_px: int
    pixels: npt.NDArray[np.uint8]
    reference: Array
    folder: Path

    @cached_property
    def graph(self) -> Path:
        path = self.folder / "graph.onnx"
        path.write_bytes(export_onnx(self.module, self.layout, self.size_px))
        return path

    @cached_property
    def exact(self) -> Array:
        return self.run("f32")

    def run(self, precision: str, *, batch_size: int = IMAGES) -> Array:
        engine = OpenVinoEngine(self.graph, precision=precision, batch_size=batch_size)
        starts = range(0, IMAGES, batch_size)
        batches = (self.pixels[start : start + batch_size] for start in starts)
        return np.concatenate(list(engine.stream(batches)))

    def block(self, output: str) -> Array:
        return self.reference[:, self.layout.columns([output])]

    def tensors(self) -> torch.Tensor:
        return torch.from_numpy(self.pixels)


@pytest.fixture(scope="module")
def built(request, tmp_path_factory, photos) -> Iterator[Built]:
    spec: BackboneSpec = request.param
    size_px = spec.size_px if is_bundled(spec) else nearest_sizes(spec, SMALL_PX)[-1]
    pixels = np.stack([load_pixels(photo, Geometry(size_px=size_px)) for photo in photos])
    torch.manual_seed(0)
    digests = tmp_path_factory.mktemp("digests")
    weights = resolve_weights(spec, cache=digests) if is_bundled(spec) else None
    network = build_network(spec, weights, size_px=size_px)
    module = TappedBackbone(network, spec)
    if not is_bundled(spec):
        settle_batch_norms(module, pixels)
    (reference,) = TorchEngine(module, device="cpu").stream([pixels])
    folder = tmp_path_factory.mktemp(spec.name)
    layout = module.measure_layout(size_px)
    yield Built(spec, module, layout, size_px, pixels, reference, folder)
    (folder / "graph.onnx").unlink(missing_ok=True)
    gc.collect()


@torch.no_grad()
def settle_batch_norms(module: TappedBackbone, pixels: npt.NDArray[np.uint8]) -> None:
    """Let batch norms remember one batch, so that random networks answer in good range.

    Small scales keep residual branches small beside what they are added to; without them
    the deepest networks blow rounding up until no two engines agree.
    """
    kinds = torch.nn.modules.batchnorm._BatchNorm
    norms = [norm for norm in module.modules() if isinstance(norm, kinds)]
    for norm in norms:
        norm.weight.fill_(0.3)
        norm.momentum = 1.0
        norm.train()
    module(torch.from_numpy(pixels))
    module.eval()


def over(specs: list[BackboneSpec], slow: set[str] = frozenset()) -> Callable[..., object]:
    params = [
        pytest.param(spec, marks=[pytest.mark.slow] if spec.name in slow else [], id=spec.name)
        for spec in specs
    ]
    return pytest.mark.parametrize("built", params, indirect=True, scope="module")


every_backbone = over(list(CATALOG))
every_export = over(list(CATALOG), slow=LATE)
every_flexible = over([s for s in CATALOG if s.multiple_px == 1 and s.library != "headstart"])
every_bundled = over([spec for spec in CATALOG if is_bundled(spec)])


@every_backbone
def test_its_features_are_laid_out_as_declared(built: Built) -> None:
    layout, spec = built.layout, built.spec
    assert tuple(dict.fromkeys(block.tap for block in layout.blocks)) == (
        *spec.taps,
        FINAL_TAP,
        *([CLASSIFIER_TAP] if spec.labels else []),
    )
    assert built.reference.shape == (IMAGES, layout.dim)
    assert np.isfinite(built.reference).all()
    if spec.labels:
        assert layout.blocks[-1].channels == 1000
    assert layout.tap_sets()["final"] == (f"final/{'pooled' if spec.pooled else 'mean'}",)


@every_flexible
def test_it_takes_other_sizes_and_its_layout_stays(built: Built) -> None:
    assert built.layout == built.module.measure_layout(96)


@every_backbone
def test_it_tells_images_apart(built: Built) -> None:
    for block in built.layout.blocks:
        values = built.block(block.output)
        assert (values.std(axis=0) > 1e-6 * np.abs(values).max()).mean() > 0.5, block


@every_backbone
@torch.inference_mode()
def test_the_normalisation_is_part_of_it(built: Built) -> None:
    spec = built.spec
    scaled = (built.pixels / 255 - np.array(spec.mean)) / np.array(spec.std)
    final = built.module.network.forward_features(
        torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float()
    )
    if final.ndim == 3:
        expected = final[:, spec.prefix_tokens :].mean(1)
    else:
        expected = final.mean((1, 2) if spec.channels_last else (2, 3))
    assert_close(built.block("final/mean"), expected.numpy(), ROUNDING)


@every_backbone
@torch.inference_mode()
def test_final_is_what_its_own_classifier_sees(built: Built) -> None:
    """Its logits are a linear function of the features that every head gets by default."""
    network, spec = built.module.network, built.spec
    final = network.forward_features(built.module.normalise(built.tensors()))
    (output,) = built.layout.tap_sets()["final"]
    seen = torch.from_numpy(built.block(output))
    classifier = network.get_classifier()
    assert isinstance(classifier, torch.nn.Linear | torch.nn.Identity)
    assert_close(classifier(seen).numpy(), network.forward_head(final).numpy())
    mean = built.block("final/mean")
    same = mean.shape == tuple(seen.shape) and np.allclose(mean, seen, rtol=1e-3, atol=1e-5)
    assert same != spec.pooled


@every_backbone
def test_gradients_reach_the_first_layer(built: Built) -> None:
    module = built.module
    first = next(m for m in module.network.modules() if isinstance(m, torch.nn.Conv2d))
    for parameter in module.parameters():
        parameter.grad = None
    blocks = module(built.tensors()[:2])
    sum(block.square().sum() for block in blocks).backward()
    gradient = first.weight.grad
    for parameter in module.parameters():
        parameter.grad = None
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


@every_export
def test_openvino_agrees_with_pytorch(built: Built) -> None:
    tolerance = 1e-4 if is_bundled(built.spec) else ROUNDING
    for block in built.layout.blocks:
        columns = built.layout.columns([block.output])
        assert_close(built.exact[:, columns], built.reference[:, columns], tolerance)


@every_bundled
def test_bf16_points_the_same_way(built: Built) -> None:
    rough, exact = built.run("bf16"), built.reference
    norms = np.linalg.norm(rough, axis=1) * np.linalg.norm(exact, axis=1)
    assert ((rough * exact).sum(axis=1) / norms).min() > 0.999


@every_bundled
def test_neighbours_do_not_change_an_images_features(built: Built) -> None:
    apart = built.run("f32", batch_size=3)
    scale = np.abs(built.exact).max()
    np.testing.assert_allclose(apart, built.exact, rtol=1e-4, atol=1e-5 * scale)


def assert_close(found: Array, expected: Array, tolerance: float = 1e-4) -> None:
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=tolerance * scale)


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.name)
def test_every_name_and_alias_finds_it_in_any_case(spec: BackboneSpec) -> None:
    for name in spec.names:
        assert find_backbone(name) is find_backbone(name.upper()) is find_backbone(name.lower())
        assert find_backbone(name) is spec


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.name)
def test_every_fact_is_filled_in(spec: BackboneSpec) -> None:
    assert 0 < spec.crop_fraction <= 1
    assert spec.parameters > 0
    assert spec.gmacs > 0
    assert (spec.top1 is None) == (spec.top1_px is None)
    assert bool(spec.licence) == bool(spec.weights_key) == bool(spec.weights)
    assert bool(spec.weights) == (spec.library != "headstart")
