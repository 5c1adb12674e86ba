"""A graph opened up: its nodes as plain records, and any of its tensors as an output.

OpenVINO reads ONNX by itself, so this works on the runtime floor, where the ``onnx`` package
is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.engines.base import PixelBatch, check_pixels
from headstart.engines.openvino_engine import (
    openvino_core,
    usable_precision,
    without_fused_attention,
)
from headstart.engines.quiet_openvino import openvino as ov
from headstart.parallel import cpu_count

Array: TypeAlias = npt.NDArray[Any]
Tensor: TypeAlias = tuple[str, int]
"""Name of a node and number of its output."""
Values: TypeAlias = dict[Tensor, Array]


@dataclass(frozen=True)
class GraphNode:
    """One operation.

    Attributes:
        name: Unique in its graph.
        kind: OpenVINO's name of the operation: ``"MatMul"``.
        inputs: Tensors it takes.
        shapes: Shapes of its outputs, the batch axis included.
        tensor_names: What the ONNX file calls its first output; may be empty.
        attributes: As OpenVINO has them.
        constant: Its value, for a constant.
    """

    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    shapes: tuple[tuple[int, ...], ...]
    tensor_names: frozenset[str]
    attributes: Mapping[str, Any]
    constant: Array | None

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Tensors it gives."""
        return tuple((self.name, port) for port in range(len(self.shapes)))


class OpenedGraph:
    """An ONNX graph for one batch size, what is constant in it folded.

    Args:
        path: ONNX file: uint8 (N, S, S, 3) in.
        batch_size: N, which is fixed.
    """

    def __init__(self, path: Path, *, batch_size: int = 1) -> None:
        # not mapped: a file that is written over would change under a service
        self._model = openvino_core().read_model(path, config={"ENABLE_MMAP": False})
        shape = [batch_size, *list(self._model.input(0).partial_shape)[1:]]
        self._model.reshape({0: shape})
        _fold_constants(self._model)
        self._operations = {op.get_name(): op for op in self._model.get_ordered_ops()}

    @cached_property
    def nodes(self) -> Mapping[str, GraphNode]:
        """Every node by its name, each after those it takes from."""
        return {name: _record(op) for name, op in self._operations.items()}

    def named(self, tensor_name: str) -> GraphNode | None:
        """Return the node whose first output has a name in the ONNX file, or ``None``."""
        return next((n for n in self.nodes.values() if tensor_name in n.tensor_names), None)

    def compile(
        self, tensors: Sequence[Tensor], *, precision: str = "auto", threads: int | None = None
    ) -> Callable[[PixelBatch], Values]:
        """Return a function that runs the graph and gives back some of its tensors.

        Args:
            tensors: Which; no constants. They become outputs beside the graph's own.
            precision: ``"bf16"``, ``"f32"`` or ``"auto"`` for the processor's fastest.
            threads: Processor threads; all that are allowed where not given.
        """
        outputs = [self._operations[name].output(port) for name, port in tensors]
        model = ov.Model(outputs, self._model.get_parameters(), "inside")
        chosen = usable_precision(model, precision)
        settings = {
            "INFERENCE_PRECISION_HINT": chosen,
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads or cpu_count()),
            **without_fused_attention(model, chosen),
        }
        request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()

        def run(pixels: PixelBatch) -> Values:
            request.infer({0: check_pixels(pixels)})
            answers = (request.get_output_tensor(i).data for i in range(len(tensors)))
            return {tensor: np.array(a) for tensor, a in zip(tensors, answers, strict=True)}

        return run


def _fold_constants(model: Any) -> None:
    from openvino import passes

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


def _record(op: Any) -> GraphNode:
    kind = op.get_type_name()
    constant = kind == "Constant"
    sources = (one.get_source_output() for one in op.inputs())
    return GraphNode(
        name=op.get_name(),
        kind=kind,
        inputs=tuple((s.get_node().get_name(), s.get_index()) for s in sources),
        shapes=tuple(tuple(_lengths(output)) for output in op.outputs()),
        tensor_names=frozenset(op.output(0).names) if op.outputs() else frozenset(),
        attributes={} if constant else op.get_attributes(),
        constant=op.data if constant else None,
    )


def _lengths(output: Any) -> Iterable[int]:
    shape = output.partial_shape
    return (d.get_length() if d.is_static else -1 for d in shape) if shape.rank.is_static else ()
