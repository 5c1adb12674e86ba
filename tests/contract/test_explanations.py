"""Every backbone of the zoo can be explained: the layer is picked, gradients reach it.

One or two of each family here, the others by ``make test-slow``. Weights are random, so what
is asked of a map is that it is the map PyTorch would make, not that it makes sense; that
is asked of a head fitted to coloured discs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from headstart.backbones.catalog import CATALOG
from headstart.backbones.graph import export_onnx
from headstart.backbones.sizes import nearest_sizes
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.tapped import TappedBackbone
from headstart.backbones.timm_adapter import build_network
from headstart.engines.opened_graph import OpenedGraph
from headstart.explain.evidence import EvidenceTape, joined, lead_gradient
from headstart.explain.layers import Layer, find_layers
from headstart.export.classifier_graph import build_classifier
from headstart.heads.linear import LinearHead

SMALL_PX = 96
QUICK = {
    *("efficientnet_lite0", "resnet18", "mobilenetv3_large_100", "convnextv2_nano"),
    *("vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "cifar_cnn"),
}


class Opened:
    """A backbone with random weights, its graph with a head on some taps."""

    def __init__(self, spec: BackboneSpec, folder: Path) -> None:
        torch.manual_seed(0)
        self.spec = spec
        self.size_px = nearest_sizes(spec, SMALL_PX)[-1]
        self.module = TappedBackbone(build_network(spec, None, size_px=self.size_px), spec).eval()
        self.layout = self.module.measure_layout(self.size_px)
        self.backbone = export_onnx(self.module, self.layout, self.size_px)
        self.folder = folder
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (1, 6, 6, 3), dtype=np.uint8)
        repeats = -(-self.size_px // 6)
        whole = coarse.repeat(repeats, axis=1).repeat(repeats, axis=2)
        self.pixels = np.ascontiguousarray(whole[:, : self.size_px, : self.size_px])

    def graph(self, taps: str) -> OpenedGraph:
        outputs = self.layout.outputs_of(taps)
        width = len(self.layout.columns(outputs))
        weight = np.random.default_rng(1).normal(size=(width, 3)) / width**0.5
        head = LinearHead(
            classes=("a", "b", "c"),
            taps=taps,
            outputs=outputs,
            weight=weight.astype(np.float32),
            bias=np.zeros(3, np.float32),
            temperature=1.0,
        )
        path = self.folder / f"{taps}.onnx"
        onnx.save(build_classifier(onnx.load_from_string(self.backbone), head), path)
        return OpenedGraph(path)


@pytest.fixture(scope="module")
def opened(request, tmp_path_factory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("explained")
    yield Opened(request.param, folder)
    for path in folder.iterdir():
        path.unlink()
    gc.collect()


every_backbone = pytest.mark.parametrize(
    "opened",
    [
        pytest.param(spec, id=spec.name, marks=[] if spec.name in QUICK else [pytest.mark.slow])
        for spec in CATALOG
    ],
    indirect=True,
    scope="module",
)


def read(opened: Opened, taps: str) -> tuple[tuple[Layer, ...], list[np.ndarray]]:
    graph = opened.graph(taps)
    layers = find_layers(graph)
    answer = graph.named("probabilities")
    assert answer is not None
    tape = EvidenceTape(graph, layers, answer.inputs[0])
    values = graph.compile(sorted(tape.needed), precision="f32", threads=1)(opened.pixels)
    return layers, tape.read(values, 0)


@every_backbone
@pytest.mark.parametrize("taps", ["final", "all"])
def test_a_layer_with_places_is_picked_for_every_tap(opened: Opened, taps: str) -> None:
    layers, maps = read(opened, taps)
    assert len({layer.name for layer in layers}) == len(layers)
    if taps == "all":
        assert [layer.name for layer in layers if layer.name in opened.spec.taps] == [
            *opened.spec.taps
        ]
    for layer, found in zip(layers, maps, strict=True):
        assert layer.places.side >= 2, layer.name
        assert found.shape == (layer.places.side,) * 2
        assert np.isfinite(found).all()
        assert found.std() > 0, layer.name
    assert joined(maps, opened.size_px).shape == (opened.size_px, opened.size_px)


@every_backbone
def test_the_map_of_the_averages_is_pytorchs(opened: Opened) -> None:
    """Of a tap that pools what it sees, activation times gradient can be had by a hook."""
    layers, maps = read(opened, "all")
    taps = [layer.name for layer in layers if layer.name in opened.spec.taps]
    if not taps:
        pytest.skip("no taps but the final activation")
    kept: dict[str, torch.Tensor] = {}
    pool = opened.module._statistics

    def keep(tap: str, activation: torch.Tensor) -> dict[str, torch.Tensor]:
        if tap in taps:
            kept[tap] = activation = activation.detach().clone().requires_grad_()
        return pool(tap, activation)

    opened.module._statistics = keep  # type: ignore[method-assign]
    outputs = opened.layout.outputs_of("all")
    blocks = dict(
        zip(
            ["/".join(o) for o in opened.module.outputs],
            opened.module(torch.from_numpy(opened.pixels)),
            strict=True,
        )
    )
    features = torch.cat([blocks[name] for name in outputs], dim=1)
    width = features.shape[1]
    weight = np.random.default_rng(1).normal(size=(width, 3)) / width**0.5
    logits = features @ torch.from_numpy(weight.astype(np.float32))
    seed = torch.from_numpy(lead_gradient(3, 0)).float()
    gradients = torch.autograd.grad(logits, [kept[tap] for tap in taps], seed)
    for tap, gradient in zip(taps, gradients, strict=True):
        found = next(m for layer, m in zip(layers, maps, strict=True) if layer.name == tap)
        expected = opened.module._lay(kept[tap] * gradient).sum(1).detach().numpy()
        if expected.size != found.size:
            continue  # too few places there: the map was read further up
        scale = np.abs(expected).max()
        assert np.abs(found - expected.reshape(found.shape)).max() < 0.02 * scale, tap
