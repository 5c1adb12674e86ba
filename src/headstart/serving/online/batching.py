"""Single images onto OpenVINO's asynchronous queue, as many at a time as are waiting."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.data.manifest import Pixels
from headstart.engines.openvino_engine import (
    is_quantised,
    openvino_core,
    usable_precision,
    without_fused_attention,
)
from headstart.parallel import cpu_count

BATCH_SIZES: Final = (1, 4)
"""One answers a lone image fastest, four give the most images a second where four wait."""

Vector: TypeAlias = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Waiting:
    pixels: Pixels
    answer: asyncio.Future[Vector]


@dataclass(slots=True, eq=False)
class _Lane:
    """One inference request with a batch size of its own, and what it works on."""

    request: Any
    size: int
    working_on: list[_Waiting] = field(default_factory=list)


class BatchQueue:
    """Answers single images, batched while the engine is busy and never kept waiting for others.

    All of its state belongs to one event loop's thread; OpenVINO's threads only wake that.

    Args:
        graph: ONNX file: uint8 (N, S, S, 3) in, (N, K) out.
        precision: ``"bf16"``, ``"f32"`` or ``"auto"``.
        threads: Processor threads; all that are allowed where not given.
    """

    def __init__(self, graph: Path, *, precision: str, threads: int | None) -> None:
        streams = threads or cpu_count()
        self._free: dict[int, list[_Lane]] = {}
        for size in BATCH_SIZES:
            compiled, self.precision = _compiled(graph, size, precision, streams)
            self._free[size] = [
                _Lane(compiled.create_infer_request(), size) for _ in range(streams)
            ]
            self.size_px = int(compiled.input(0).shape[1])
            self.width = int(compiled.output(0).shape[1])
        self._streams = streams
        self._running = 0
        self._waiting: deque[_Waiting] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes = tuple(lane for lanes in self._free.values() for lane in lanes)
        wake = partial(_wake, weakref.ref(self))  # what OpenVINO holds is never collected
        for number, lane in enumerate(self._lanes):
            lane.request.infer()  # the first run allocates: not at a request's expense
            lane.request.set_callback(wake, number)

    async def infer(self, pixels: Pixels) -> Vector:
        """Return the graph's output for one image, float32 (K,)."""
        self._loop = asyncio.get_running_loop()
        waiting = _Waiting(pixels, self._loop.create_future())
        self._waiting.append(waiting)
        self._start()
        return await waiting.answer

    def _start(self) -> None:
        while self._waiting and self._running < self._streams:
            small, large = BATCH_SIZES
            size = large if len(self._waiting) >= large else small
            lane = self._free[size].pop()
            lane.working_on = [self._waiting.popleft() for _ in range(size)]
            room = lane.request.get_input_tensor(0).data
            for row, waiting in enumerate(lane.working_on):
                room[row] = waiting.pixels
            self._running += 1
            lane.request.start_async()

    def wake(self, number: int) -> None:
        """Take note that a lane is done. Run by a thread of OpenVINO's."""
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, self._lanes[number])

    def _finish(self, lane: _Lane) -> None:
        done, lane.working_on = lane.working_on, []
        self._running -= 1
        try:
            lane.request.wait()  # over, or all but: raises what went wrong
            outputs = lane.request.get_output_tensor(0).data[: len(done)].astype(np.float32)
        except RuntimeError as error:
            _settle_failed(done, error)
        else:
            for waiting, vector in zip(done, outputs, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(vector)
        self._free[lane.size].append(lane)
        self._start()


def _wake(queue: weakref.ref[BatchQueue], number: int) -> None:
    alive = queue()
    if alive is not None:
        alive.wake(number)


def _settle_failed(done: list[_Waiting], error: RuntimeError) -> None:
    for waiting in done:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)


def _compiled(graph: Path, size: int, precision: str, streams: int) -> tuple[Any, str]:
    """Return a network for batches of a size, and its arithmetic."""
    core = openvino_core()
    model = core.read_model(graph, config={"ENABLE_MMAP": False})
    model.reshape({0: [size, *list(model.input(0).partial_shape)[1:]]})
    hint = usable_precision(model, precision)
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "ENABLE_CPU_PINNING": False,  # a stream does not wait for a core that others hold
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(streams),
        **without_fused_attention(model, hint),
    }
    return core.compile_model(model, "CPU", settings), "int8" if is_quantised(model) else hint
