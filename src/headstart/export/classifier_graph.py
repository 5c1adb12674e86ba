"""One ONNX graph from raw pixels to calibrated probabilities.

Nodes that the chosen taps do not need are cut away, the head is appended, and
every tensor is moved out of the graph into ``weights.safetensors``: ONNX allows a
tensor to live at an offset of another file, so the bundle holds each number once
and the tensors can be read by name as well.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from headstart.bundle.tensors import STORED_AS
from headstart.export.head_graphs import append_head
from headstart.heads.base import Head

OUTPUT: Final = "probabilities"
_SMALL: Final = 32
"""Tensors with fewer numbers, and those of wider integers, stay in the graph: shapes, constants."""
_CODES: Final = {np.dtype(numbers): code for code, numbers in STORED_AS.items()}


def build_classifier(backbone: ModelProto, head: Head) -> ModelProto:
    """Append a head to a backbone's graph and cut what it does not need.

    Args:
        backbone: Graph with one (N, C) output a feature block.
        head: Its ``outputs`` name the blocks it takes.

    Returns:
        Graph with the one output ``probabilities``, float32 (N, K).
    """
    model = ModelProto()
    model.CopyFrom(backbone)
    graph = model.graph
    append_head(graph, head, OUTPUT)
    del graph.output[:]
    shape = ["batch", len(head.classes)]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape))
    _prune(graph)
    onnx.checker.check_model(model)
    return model


def _prune(graph: onnx.GraphProto) -> None:
    producers = {name: node for node in graph.node for name in node.output}
    needed: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(producers[name].input if name in producers else ())
    nodes = [node for node in graph.node if needed & set(node.output)]
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    _replace(graph.node, nodes)
    _replace(graph.initializer, tensors)
    del graph.value_info[:]


def _replace(field: object, kept: list[NodeProto] | list[TensorProto]) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in kept]
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]


def split_weights(model: ModelProto, location: str) -> tuple[bytes, bytes]:
    """Move a graph's tensors into a safetensors file that the graph points into.

    Args:
        model: Graph with its tensors inside; changed in place.
        location: Name of the weights file beside the graph.

    Returns:
        Content of the ONNX file and of the safetensors file.
    """
    weights = [tensor for tensor in model.graph.initializer if _is_weight(tensor)]
    moved = sorted(weights, key=lambda it: it.data_type)  # float32 first: it stays aligned
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in moved}
    content, offsets = pack_safetensors(arrays)
    for tensor in moved:
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        entries = {
            "location": location,
            "offset": str(offsets[tensor.name]),
            "length": str(arrays[tensor.name].nbytes),
        }
        tensor.external_data.extend(_entries(entries))
    return model.SerializeToString(deterministic=True), content


def _is_weight(tensor: TensorProto) -> bool:
    large = np.prod(tensor.dims, dtype=int) >= _SMALL
    return bool(large and tensor.data_type in (TensorProto.FLOAT, TensorProto.INT8))


def pack_safetensors(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[bytes, dict[str, int]]:
    """Return the content of a safetensors file, and each tensor's offset in it.

    The format (https://github.com/huggingface/safetensors): header length as a
    little-endian uint64, JSON header, then the tensors one after the other.

    Args:
        arrays: float32 and int8 tensors by name.
    """
    header: dict[str, object] = {}
    starts: dict[str, int] = {}
    end = 0
    for name, array in arrays.items():
        starts[name] = end
        header[name] = {
            "dtype": _CODES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    base = 8 + len(text)
    offsets = {name: base + start for name, start in starts.items()}
    stored = (np.ascontiguousarray(it, it.dtype.newbyteorder("<")) for it in arrays.values())
    body = b"".join(array.tobytes() for array in stored)
    return struct.pack("<Q", len(text)) + text + body, offsets


def _entries(values: Mapping[str, str]) -> list[onnx.StringStringEntryProto]:
    return [onnx.StringStringEntryProto(key=key, value=value) for key, value in values.items()]
