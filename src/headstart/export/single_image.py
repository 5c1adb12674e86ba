"""A graph for one image at a time: all that goes by shapes alone is a constant of it.

Exporters that follow symbols through a program refuse shapes that are computed on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper

from headstart.export.torch_module import RESIZING, attributes_of, refuse_unknown, run_node


def for_one_image(model: onnx.ModelProto, size_px: int) -> onnx.ModelProto:
    """Return the same graph for a batch of one, without computed shapes.

    Args:
        model: From uint8 (N, S, S, 3), its tensors inside.
        size_px: Side S.

    Raises:
        BundleError: It has an operator that is not known here.
    """
    graph = model.graph
    refuse_unknown(graph)
    fixed = {it.name: _tensor(numpy_helper.to_array(it)) for it in graph.initializer}
    values: dict[str, Any] = {"": None, **fixed}
    values[graph.input[0].name] = torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8)
    known, left = {"", *fixed}, []
    for node in graph.node:
        outputs = _answers(node, values)
        values.update(outputs)
        if node.op_type == "Shape" or known.issuperset(node.input):
            known.update(outputs)
        else:
            left.append(node)
    return _with(model, left, {name: values[name] for name in known if name})


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _answers(node: NodeProto, values: dict[str, Any]) -> dict[str, Any]:
    with torch.no_grad():
        given = [values[name] for name in node.input]
        asked = RESIZING.get(node.op_type)
        if asked is not None:
            given[asked] = given[asked].tolist()
        answer = run_node(node.op_type, given, attributes_of(node))
    made = answer if isinstance(answer, tuple) else (answer,)
    return dict(zip(node.output, made, strict=False))


def _with(
    model: onnx.ModelProto, nodes: Iterable[NodeProto], tensors: dict[str, torch.Tensor]
) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    needed = {name for node in graph.node for name in node.input} & tensors.keys()
    for name in sorted(needed):
        array = np.array(tensors[name].contiguous().numpy())
        graph.initializer.append(numpy_helper.from_array(array, name))
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return made
