"""A bundle's graph as a PyTorch module: what TorchScript, Core ML and LiteRT are made from.

Built from the deployed ONNX graph, not from the network it was made of: so there is nothing
that one format could know and another not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from headstart.errors import BundleError, listed
from headstart.export.torch_operators import OPERATORS

_SIZED: Final = {"Shape", "Reshape", "Expand", "Constant"}
_TRACED_BATCH: Final = 13
"""A number of images that no other axis of a graph has, so that the batch axis is told."""


class GraphModule(nn.Module):
    """Runs an ONNX graph of one input and one output with PyTorch.

    Args:
        model: Its tensors inside; an axis of the batch first.

    Raises:
        BundleError: It has an operator that is not known here.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        _refuse_unknown(graph)
        self._nodes = list(graph.node)
        self._attributes = [_attributes(node) for node in self._nodes]
        self._input, self._output = graph.input[0].name, graph.output[0].name
        self._names = {it.name: f"tensor{place}" for place, it in enumerate(graph.initializer)}
        self._whole: dict[str, Tensor] = {}
        for tensor in graph.initializer:
            value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if value.is_floating_point():
                self.register_buffer(self._names[tensor.name], value)
            else:
                self._whole[tensor.name] = value

    def forward(self, pixels: Tensor) -> Tensor:
        """Return probabilities, float32 (N, K), of uint8 pixels (N, S, S, 3)."""
        values: dict[str, Any] = {"": None, self._input: pixels, **self._whole}
        for name, own in self._names.items():
            if name not in self._whole:
                values[name] = getattr(self, own)
        batch = pixels.shape[0]
        for node, attributes in zip(self._nodes, self._attributes, strict=True):
            answer = _run(node.op_type, [values[it] for it in node.input], attributes, batch)
            outputs = answer if isinstance(answer, tuple) else (answer,)
            values.update(zip(node.output, outputs, strict=False))
        result: Tensor = values[self._output]
        return result


@contextmanager
def quietly() -> Iterator[None]:
    """Keep from the user what PyTorch and its converters say of their own futures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def trace(
    model: onnx.ModelProto,
    size_px: int,
    *,
    batch: int = _TRACED_BATCH,
    pixels_type: type = np.uint8,
) -> Any:
    """Return a graph as a TorchScript module that takes batches of any size.

    Args:
        model: See :class:`GraphModule`.
        size_px: Side S of the squares it takes.
        batch: Images of the example it is traced with; of 1, it takes one image only.
        pixels_type: NumPy type of the pixels, 0 to 255 in any case.
    """
    module = GraphModule(model).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (batch, size_px, size_px, 3))
    example = torch.from_numpy(pixels.astype(pixels_type))
    with quietly(), torch.no_grad():
        traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
        return torch.jit.freeze(traced)


def load_whole(path: Path) -> onnx.ModelProto:
    """Read a bundle's graph with its tensors inside."""
    return onnx.load(str(path))


def _run(kind: str, inputs: list[Any], attributes: Mapping[str, Any], batch: Any) -> Any:
    if kind == "Constant":
        return attributes["value"]
    if kind == "Shape":
        return torch.tensor([int(length) for length in inputs[0].shape])
    if kind == "Reshape":
        return inputs[0].reshape(_sizes(inputs[1], inputs[0], batch))
    if kind == "Expand":
        return _expanded(inputs[0], _sizes(inputs[1], None, batch))
    return OPERATORS[kind](inputs, attributes)


def _sizes(shape: Tensor, value: Tensor | None, batch: Any) -> list[Any]:
    """Return lengths of axes; one that is the batch's stays that of whatever batch comes."""
    lengths: list[Any] = [int(length) for length in shape.tolist()]
    for axis, length in enumerate(lengths):
        if length == 0 and value is not None:
            lengths[axis] = batch if axis == 0 else int(value.shape[axis])
        elif length == int(batch):
            lengths[axis] = batch
    return lengths


def _expanded(value: Tensor, sizes: list[Any]) -> Tensor:
    """Broadcast as ONNX does: where the wished length is 1, the tensor's own stays."""
    own = [1] * (len(sizes) - value.ndim) + list(value.shape)
    return value.expand(
        [mine if size == 1 else size for size, mine in zip(sizes, own, strict=True)]
    )


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: _attribute(attribute) for attribute in node.attribute}


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return torch.from_numpy(np.array(numpy_helper.to_array(value)))
    return value.decode() if isinstance(value, bytes) else value


def _refuse_unknown(graph: onnx.GraphProto) -> None:
    unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys() - _SIZED)
    if unknown:
        raise BundleError(
            f"this network uses {listed(unknown)}, which headstart cannot translate to PyTorch: "
            "export it as onnx or openvino, and report this with the name of the network"
        )
