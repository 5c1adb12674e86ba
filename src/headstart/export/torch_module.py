"""A bundle's graph as a PyTorch module: what TorchScript, Core ML and LiteRT are made from.

Built from the deployed ONNX graph, not from the network it was made of: so there is nothing
that one format could know and another not.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from headstart.errors import BundleError, listed
from headstart.export.torch_operators import OPERATORS

_SIZED: Final = {"Shape", "Reshape", "Expand", "Constant"}
RESIZING: Final = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0}
"""Operators that make a tensor of some lengths, and which of their inputs says which."""
_BY_NUMBERS: Final[Mapping[str, Collection[int]]] = {
    **dict.fromkeys(("CumSum", "Split", "Squeeze", "Tile", "TopK", "Unsqueeze"), (1,)),
    **{f"Reduce{it}": (1,) for it in ("L2", "Max", "Mean", "Min", "Sum")},
    "Clip": (1, 2),
    "Pad": (1, 2),
    "Slice": (1, 2, 3, 4),
    "Range": (0, 1, 2),
    **{kind: (place,) for kind, place in RESIZING.items()},
}
"""Inputs whose numbers decide shapes, or are settings: where they are constants, exporters that
follow symbols must not meet them as tensors."""
AnyArray: TypeAlias = npt.NDArray[Any]
_TRACED_BATCH: Final = 2
_REFUSALS: Final = (AssertionError, KeyError, RuntimeError, TypeError, ValueError)


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
        refuse_unknown(graph)
        self._nodes = list(graph.node)
        self._attributes = [attributes_of(node) for node in self._nodes]
        self._input, self._output = graph.input[0].name, graph.output[0].name
        self._names = {it.name: f"tensor{place}" for place, it in enumerate(graph.initializer)}
        self._whole: dict[str, Tensor] = {}
        self._seen: dict[int, list[int]] | None = None
        self._growing: dict[int, list[tuple[int, int]]] = {}
        self._fixed = {it.name: numpy_helper.to_array(it) for it in graph.initializer}
        for tensor in graph.initializer:
            value = torch.from_numpy(self._fixed[tensor.name].copy())
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
        for place, node in enumerate(self._nodes):
            given = self._given(node, values)
            asked = RESIZING.get(node.op_type)
            if asked is not None:
                given[asked] = self._lengths(place, given[asked], batch)
            answer = run_node(node.op_type, given, self._attributes[place])
            outputs = answer if isinstance(answer, tuple) else (answer,)
            values.update(zip(node.output, outputs, strict=False))
        result: Tensor = values[self._output]
        return result

    @torch.no_grad()
    def follow_batch(self, pixels: Tensor) -> None:
        """Learn which lengths grow with the batch, so that a trace takes any number of images.

        Windows of attention are counted over the whole batch: a length is looked at for one
        and for two images, and taken for a multiple of their number and a rest.

        Args:
            pixels: (1, S, S, 3).
        """
        one, two = self._lengths_seen(pixels), self._lengths_seen(torch.cat([pixels, pixels]))
        self._growing = {
            place: [(b - a, 2 * a - b) for a, b in zip(lengths, two[place], strict=True)]
            for place, lengths in one.items()
        }

    def _lengths_seen(self, pixels: Tensor) -> dict[int, list[int]]:
        self._seen, self._growing = {}, {}
        self(pixels)
        seen, self._seen = self._seen, None
        return seen

    def _lengths(self, place: int, shape: Tensor | AnyArray, batch: Any) -> list[Any]:
        if place in self._growing:
            known = self._growing[place]
            return [batch * each + rest if each else rest for each, rest in known]
        lengths = [int(length) for length in shape.tolist()]
        if self._seen is not None:
            self._seen[place] = lengths
        return lengths

    def _given(self, node: onnx.NodeProto, values: Mapping[str, Any]) -> list[Any]:
        numbers = _BY_NUMBERS.get(node.op_type, ())
        return [
            self._fixed[name] if place in numbers and name in self._fixed else values[name]
            for place, name in enumerate(node.input)
        ]


@contextmanager
def quietly() -> Iterator[None]:
    """Keep from the user what PyTorch and its converters say of their progress and futures."""
    said = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def converting(converter: str) -> Iterator[None]:
    """Silence a converter, and say in words what it cannot do.

    Raises:
        BundleError: It has met something it does not know; what that is stands in it.
    """
    try:
        with quietly():
            yield
    except _REFUSALS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BundleError(
            f"{converter} cannot convert this network: {reason}. Export it as onnx or openvino; "
            "--debug shows all that it said"
        ) from error


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
        if batch > 1:
            module.follow_batch(example[:1])
        traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
        return torch.jit.freeze(traced)


def run_node(kind: str, inputs: list[Any], attributes: Mapping[str, Any]) -> Any:
    """Return what a node makes of its inputs: one tensor, or several.

    Args:
        kind: Its operator.
        inputs: Tensors; NumPy arrays, or lengths, for what only decides shapes; ``None`` where
            left out.
        attributes: By name.
    """
    if kind == "Constant":
        return attributes["value"]
    if kind == "Shape":
        return torch.tensor([int(length) for length in inputs[0].shape])
    if kind == "Reshape":
        return inputs[0].reshape(_kept(inputs[1], inputs[0]))
    if kind == "Expand":
        return _expanded(inputs[0], list(inputs[1]))
    return OPERATORS[kind](inputs, attributes)


def _kept(lengths: Sequence[Any], value: Tensor) -> list[Any]:
    """Return lengths of axes, those that are to stay (0) as they are."""
    return [
        value.shape[axis] if isinstance(length, int) and length == 0 else length
        for axis, length in enumerate(lengths)
    ]


def _expanded(value: Tensor, sizes: list[Any]) -> Tensor:
    """Broadcast as ONNX does: where the wished length is 1, the tensor's own stays."""
    own = [1] * (len(sizes) - value.ndim) + list(value.shape)
    return value.expand(
        [
            mine if isinstance(size, int) and size == 1 else size
            for size, mine in zip(sizes, own, strict=True)
        ]
    )


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name, tensors as PyTorch's."""
    return {attribute.name: _attribute(attribute) for attribute in node.attribute}


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return torch.from_numpy(np.array(numpy_helper.to_array(value)))
    return value.decode() if isinstance(value, bytes) else value


def refuse_unknown(graph: onnx.GraphProto) -> None:
    """Refuse a graph with an operator that is not known here.

    Raises:
        BundleError: Names it, and the mend.
    """
    unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys() - _SIZED)
    if unknown:
        raise BundleError(
            f"this network uses {listed(unknown)}, which headstart cannot translate to PyTorch: "
            "export it as onnx or openvino, and report this with the name of the network"
        )
