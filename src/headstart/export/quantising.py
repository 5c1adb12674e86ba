"""Eight-bit arithmetic after training: weights and activations of a graph in whole numbers.

NNCF places the quantisers and corrects biases (post-training quantisation, minimum and
maximum over calibration images; Nagel et al., "A White Paper on Neural Network
Quantization", arXiv:2106.08295). The result stays ONNX, so one bundle serves OpenVINO and
ONNX Runtime. What no product of the backbone comes after (pooled statistics, the head) stays
in float: a thousandth of the work, and all of the answer. So do squares made inside the graph.

Activations have no zero points (NNCF's preset "performance"): a convolution whose input has
one is computed in float by OpenVINO 2026.4, and with "mixed" that was 30 of Lite0's 48.
"""

from __future__ import annotations

import io
import logging
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from headstart.engines.base import PixelBatch

_TELEMETRY: Final = "openvino_telemetry"
_PRODUCTS: Final = {"Conv", "Gemm", "MatMul"}
_HEAD: Final = re.compile(r"(member\.\d+\.)?(head\.|features$)")
"""How outputs of a head's nodes begin, also in a joined graph."""


def quantise(model: onnx.ModelProto, images: Sequence[PixelBatch]) -> onnx.ModelProto:
    """Return a graph that computes in int8.

    Args:
        model: From uint8 (N, S, S, 3) to probabilities, its tensors inside; left as it is.
        images: Training images to measure ranges on, uint8 (1, S, S, 3) each.

    Raises:
        ModuleNotFoundError: NNCF or ONNX Runtime is not installed.
    """
    folded = fold_batch_norms(model)
    _name_nodes(folded.graph)
    name = folded.graph.input[0].name
    with _quiet() as nncf:
        return nncf.quantize(
            folded,
            nncf.Dataset(list(images), lambda pixels: {name: pixels}),
            subset_size=len(images),
            preset=nncf.QuantizationPreset.PERFORMANCE,
            model_type=nncf.ModelType.TRANSFORMER if _attends(folded.graph) else None,
            advanced_parameters=_unsmoothed(nncf),
            ignored_scope=nncf.IgnoredScope(names=float_nodes(folded.graph), validate=False),
        )


def fold_batch_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph whose convolutions hold the batch norms behind them.

    A quantiser between the two would cost accuracy, and correcting biases needs biases.
    """
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    graph = folded.graph
    tensors = {it.name: it for it in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(output.name for output in graph.output)
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        conv = producers.get(norm.input[0])
        if _can_fold(conv, norm, tensors, uses):
            _fold(graph, conv, norm, tensors)
    used = {name for node in graph.node for name in node.input}
    for tensor in [it for it in graph.initializer if it.name not in used]:
        graph.initializer.remove(tensor)
    return folded


def _can_fold(
    conv: onnx.NodeProto | None, norm: onnx.NodeProto, tensors: dict[str, Any], uses: Counter[str]
) -> bool:
    if conv is None or conv.op_type != "Conv" or uses[conv.output[0]] != 1:
        return False
    own = (*list(conv.input)[1:], *list(norm.input)[1:])
    return all(name in tensors for name in own) and uses[conv.input[1]] == 1


def _fold(
    graph: onnx.GraphProto, conv: onnx.NodeProto, norm: onnx.NodeProto, tensors: dict[str, Any]
) -> None:
    weight = numpy_helper.to_array(tensors[conv.input[1]]).astype(np.float64)
    held = [numpy_helper.to_array(tensors[it]).astype(np.float64) for it in list(norm.input)[1:]]
    scale, shift, mean, variance = held
    epsilon = next((it.f for it in norm.attribute if it.name == "epsilon"), 1e-5)
    gain = scale / np.sqrt(variance + epsilon)
    before = numpy_helper.to_array(tensors[conv.input[2]]) if len(conv.input) > 2 else 0.0
    bias = ((before - mean) * gain + shift).astype(np.float32)
    scaled = (weight * gain.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32)
    tensors[conv.input[1]].CopyFrom(numpy_helper.from_array(scaled, conv.input[1]))
    name = f"{conv.input[1]}.folded_bias"
    graph.initializer.append(numpy_helper.from_array(bias, name))
    tensors[name] = graph.initializer[-1]
    inputs = [conv.input[0], conv.input[1], name]
    del conv.input[:]
    conv.input.extend(inputs)
    conv.output[0] = norm.output[0]
    graph.node.remove(norm)


def _name_nodes(graph: onnx.GraphProto) -> None:
    for place, node in enumerate(graph.node):
        node.name = node.name or f"node.{place}"


def _attends(graph: onnx.GraphProto) -> bool:
    """Tell whether the backbone has attention: a softmax that is not the head's."""
    heads = _head_nodes(graph)
    return any(node.op_type == "Softmax" and node.name not in heads for node in graph.node)


def _unsmoothed(nncf: Any) -> Any:
    """Return settings without SmoothQuant, which fails on these graphs (NNCF 3.4, ONNX)."""
    never = nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
    return nncf.AdvancedQuantizationParameters(smooth_quant_alphas=never)


def float_nodes(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the nodes that stay in floating point.

    Args:
        graph: Its nodes named, and in the order they are computed in.
    """
    kept = _head_nodes(graph) | _pixel_nodes(graph)
    needed: set[str] = set()
    names = []
    for node in reversed(graph.node):
        own = node.op_type in _PRODUCTS and node.name not in kept
        if own or needed & set(node.output):
            needed.update(node.input)
        if node.name in kept or not (own or needed & set(node.output)):
            names.append(node.name)
    return names


def _head_nodes(graph: onnx.GraphProto) -> set[str]:
    """Return the nodes from the joined features on: where ``head_graphs`` begins."""
    reached: set[str] = set()
    names = set()
    for node in graph.node:
        if reached & set(node.input) or any(_HEAD.match(name) for name in node.output):
            reached.update(node.output)
            names.add(node.name)
    return names


def _pixel_nodes(graph: onnx.GraphProto) -> set[str]:
    """Return the nodes whose result is pixels again: other sizes, other views."""
    pixels: set[str] = set()
    names = set()
    for node in reversed(graph.node):
        cast = [it.i for it in node.attribute if it.name == "to"] == [onnx.TensorProto.UINT8]
        if cast or pixels & set(node.output):
            pixels.update(node.input)
            names.add(node.name)
    return names


@contextmanager
def _quiet() -> Iterator[Any]:
    """Import NNCF without its telemetry, which would open a connection, and hold its tongue."""
    here = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    heard = logging.root.manager.disable
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # its progress bars
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            import nncf

            nncf.set_log_level(logging.ERROR)
            yield nncf
    finally:
        logging.disable(heard)
        if here is None:
            del sys.modules[_TELEMETRY]
        else:
            sys.modules[_TELEMETRY] = here
