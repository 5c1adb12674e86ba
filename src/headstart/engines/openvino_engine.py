"""OpenVINO on the CPU: the fastest engine measured, and the runtime floor's only one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from headstart.engines.base import Outputs, PixelBatch, check_pixels
from headstart.engines.quiet_openvino import openvino as ov
from headstart.parallel import cpu_count

THROUGHPUT_BATCH = 8
"""Images a request: measured best on two cores with one stream a core."""


@cache
def openvino_core() -> Any:
    """Return the one OpenVINO core: taking a second one down leaves a dangling signal stack."""
    return ov.Core()


def native_precision() -> str:
    """Return ``"bf16"`` where the processor computes it natively, else ``"f32"``."""
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


class OpenVinoEngine:
    """Runs an ONNX graph with OpenVINO. See :class:`headstart.engines.base.Engine`.

    Args:
        graph: ONNX file: uint8 (N, H, W, 3) in, one or more (N, C) outputs.
        precision: ``"bf16"``, ``"f32"`` or ``"auto"`` for the processor's fastest.
        threads: Processor threads; all that are allowed where not given.
        batch_size: Fixed number of images a request; 1 answers single images fastest.

    Attributes:
        size_px: Side of the squares that the graph takes.
        width: Columns of all its outputs.
    """

    name = "openvino"
    device = "CPU"

    def __init__(
        self,
        graph: Path,
        *,
        precision: str = "auto",
        threads: int | None = None,
        batch_size: int = THROUGHPUT_BATCH,
    ) -> None:
        self.batch_size = batch_size
        threads = threads or cpu_count()
        streams = 1 if batch_size == 1 else threads
        core = openvino_core()
        model = core.read_model(graph)
        model.reshape({0: [batch_size, *list(model.input(0).partial_shape)[1:]]})
        hint = usable_precision(model, precision)
        self.precision = "int8" if is_quantised(model) else hint
        self._compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                "NUM_STREAMS": str(streams),
                "INFERENCE_NUM_THREADS": str(threads),
                **without_fused_attention(model, hint),
            },
        )
        self.size_px = int(self._compiled.input(0).shape[1])
        self.width = sum(int(output.shape[1]) for output in self._compiled.outputs)
        self._requests = [self._compiled.create_infer_request() for _ in range(streams + 1)]

    def stream(self, batches: Iterable[PixelBatch]) -> Iterator[Outputs]:
        """Yield each batch's outputs, in order, with every request kept busy."""
        free = list(self._requests)
        running: deque[tuple[Any, int]] = deque()
        try:
            for batch in batches:
                if not free:
                    request, count = running.popleft()
                    yield self._collect(request, count)
                    free.append(request)
                request = free.pop()
                request.start_async({0: self._filled(check_pixels(batch))})
                running.append((request, len(batch)))
            while running:
                yield self._collect(*running.popleft())
        finally:
            for request, _ in running:
                request.wait()

    def _filled(self, batch: PixelBatch) -> PixelBatch:
        missing = self.batch_size - len(batch)
        if not missing:
            return batch
        return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])

    def _collect(self, request: Any, count: int) -> Outputs:
        request.wait()
        parts = [request.get_output_tensor(i).data for i in range(len(self._compiled.outputs))]
        return np.concatenate([part[:count] for part in parts], axis=1).astype(np.float32)


def is_quantised(model: Any) -> bool:
    """Tell whether a graph computes in int8 where it can."""
    return any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def usable_precision(model: Any, precision: str) -> str:
    """Return the arithmetic of what a graph computes in floating point.

    Beside int8 that is f32: with bf16 OpenVINO 2026.4 finds "no suitable implementations".
    """
    if is_quantised(model):
        return "f32"
    return native_precision() if precision == "auto" else precision


def without_fused_attention(model: Any, precision: str) -> dict[str, str]:
    """Return what keeps OpenVINO from fusing attention in f32, where it may err.

    OpenVINO 2026.4 computes Swin-B wrongly at 64 px in f32 (off by 18 % of the scale; ONNX
    Runtime and PyTorch agree to 1e-6), unless its fused subgraphs ("snippets") are off.
    bf16 takes another path, and networks without attention keep the fusion.
    """
    attends = any(node.get_type_name() == "Softmax" for node in model.get_ops())
    return {"SNIPPETS_MODE": "DISABLE"} if attends and precision == "f32" else {}
