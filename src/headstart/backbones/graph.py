"""A backbone as an ONNX graph on disk: built once by PyTorch, then only read.

A run whose graph is already there never imports PyTorch's network libraries.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.backbones.layout import FeatureLayout
from headstart.backbones.spec import FLAT, BackboneSpec
from headstart.backbones.weights import WeightsFile, WeightsRequest, resolve_weights
from headstart.files import write_bytes, write_json

if TYPE_CHECKING:
    from headstart.backbones.tapped import TappedBackbone

GRAPH_VERSION = 4
"""Raised whenever the same backbone would be exported to another graph."""
OPSET = 17
INPUT = "pixels"


@dataclass(frozen=True)
class BackboneGraph:
    """An exported backbone: uint8 (N, S, S, 3) in, one (N, C) output a block.

    Attributes:
        path: The ONNX file.
        layout: Its outputs, in order.
        fingerprint: Digest of the file, part of every feature's cache key.
        size_px: Side S of the square it takes.
    """

    path: Path
    layout: FeatureLayout
    fingerprint: str
    size_px: int


def load_graph(
    spec: BackboneSpec,
    *,
    size_px: int,
    cache: Path,
    weights: WeightsFile | None = None,
    flat: bool = False,
) -> BackboneGraph:
    """Return a backbone's graph, exporting it on first use.

    Args:
        spec: Catalog entry.
        size_px: Side of the square the graph takes.
        cache: Cache folder; a damaged file in it is noticed and rebuilt.
        weights: Its weights; its own, from this machine, where not given.
        flat: Whether the un-pooled final activation is an output too.

    Raises:
        ConfigError: The network cannot take squares of that side.
        WeightsError: The pretrained weights are missing, damaged or do not fit.
        StorageError: The cache cannot be written.
    """
    found = weights or resolve_weights(spec, WeightsRequest(offline=True), cache=cache)
    folder = cache / "graphs" / graph_key(spec, size_px, found, flat=flat)
    return _read(folder, size_px) or _build(spec, found, folder, size_px, flat)


def build_module(
    spec: BackboneSpec,
    weights: WeightsFile | None,
    *,
    size_px: int | None = None,
    flat: bool = False,
) -> TappedBackbone:
    """Build a backbone as a PyTorch module from pixels to features.

    Its own logits come out only where its classifier was loaded with it: those of random
    weights, or of a file without a classifier that fits, would mean nothing.

    Args:
        spec: Catalog entry.
        weights: What to load; ``None`` leaves the library's random initial weights.
        size_px: Side of the squares it will be given; its own where not given.
        flat: Whether the un-pooled final activation comes out too.

    Raises:
        ConfigError: The network cannot take squares of that side.
        WeightsError: The weights are damaged or do not fit.
    """
    from headstart.backbones.tapped import TappedBackbone
    from headstart.backbones.timm_adapter import build_network

    network = build_network(spec, weights, size_px=size_px)
    labels = spec.labels if getattr(network, "num_classes", 0) else None
    return TappedBackbone(network, replace(spec, labels=labels), flat=flat)


def graph_key(spec: BackboneSpec, size_px: int, weights: WeightsFile, *, flat: bool = False) -> str:
    """Return the folder name of a graph: all that decides its content."""
    known = (GRAPH_VERSION, spec.architecture, weights.key, spec.mean, spec.std, spec.taps)
    parts = (*known, FLAT) if flat else known
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()
    return f"{spec.file_stem}-{size_px}-{digest}"


def _read(folder: Path, size_px: int) -> BackboneGraph | None:
    try:
        about = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
        with (folder / "graph.onnx").open("rb") as stream:
            fingerprint = hashlib.file_digest(stream, "sha256").hexdigest()
        layout = FeatureLayout.from_json(about["layout"])
        expected = about["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if fingerprint != expected:
        return None
    return BackboneGraph(folder / "graph.onnx", layout, fingerprint, size_px)


def _build(
    spec: BackboneSpec, weights: WeightsFile, folder: Path, size_px: int, flat: bool
) -> BackboneGraph:
    module = build_module(spec, weights, size_px=size_px, flat=flat)
    return write_module(module, folder, size_px)


def write_module(module: TappedBackbone, folder: Path, size_px: int) -> BackboneGraph:
    """Export a backbone as it is now into a folder.

    Args:
        module: In inference mode, on the CPU.
        folder: Where the two files go.
        size_px: Side of the square the graph will take.
    """
    layout = module.measure_layout(size_px)
    content = export_onnx(module, layout, size_px)
    fingerprint = hashlib.sha256(content).hexdigest()
    write_bytes(folder / "graph.onnx", content)
    write_json(folder / "graph.json", {"sha256": fingerprint, "layout": layout.to_json()})
    return BackboneGraph(folder / "graph.onnx", layout, fingerprint, size_px)


def export_onnx(module: Callable[..., object], layout: FeatureLayout, size_px: int) -> bytes:
    """Export a tapped backbone, batch size left open.

    The TorchScript exporter is chosen on purpose: a second's work, no further
    dependency, and tensor names that stay those of the state dict.
    """
    import torch

    buffer = io.BytesIO()
    outputs = [block.output for block in layout.blocks]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            module,  # type: ignore[arg-type]
            (torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8),),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (INPUT, *outputs)},
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    return buffer.getvalue()
