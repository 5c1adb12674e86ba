"""Micro-batches: nobody waits for others, nobody gets another's answer."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headstart.serving.online import batching
from headstart.serving.online.batching import BatchQueue


class PlayedRequest:
    """An inference request that ends when it is told to; answers each image's first value."""

    def __init__(self, size: int, begun: list[PlayedRequest]) -> None:
        self.room = np.zeros((size, 2, 2, 3), np.uint8)
        self.begun = begun
        self.error: RuntimeError | None = None
        self.over: Callable[[], None]

    def infer(self) -> None:
        pass

    def set_callback(self, callback: Any, lane: Any) -> None:
        self.over = lambda: callback(lane)

    def start_async(self) -> None:
        self.begun.append(self)

    def wait(self) -> None:
        if self.error is not None:
            raise self.error

    @property
    def data(self) -> np.ndarray:
        return self.room

    def get_input_tensor(self, _: int) -> PlayedRequest:
        return self

    def get_output_tensor(self, _: int) -> Any:
        return type("Tensor", (), {"data": self.room[:, 0, 0, :1].astype(np.float32)})

    @property
    def values(self) -> list[int]:
        return self.room[:, 0, 0, 0].tolist()


class Played:
    """A queue on played requests, two at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[PlayedRequest] = []
        monkeypatch.setattr(batching, "_compiled", self._compiled)
        self.queue = BatchQueue(Path("no.onnx"), precision="f32", threads=2)

    def _compiled(self, _: Path, size: int, *__: Any) -> tuple[Any, str]:
        compiled = SimpleNamespace(
            create_infer_request=lambda: PlayedRequest(size, self.begun),
            input=lambda _: SimpleNamespace(shape=(size, 2, 2, 3)),
            output=lambda _: SimpleNamespace(shape=(size, 1)),
        )
        return compiled, "f32"

    def ask(self, *values: int) -> list[asyncio.Task[np.ndarray]]:
        pixels = [np.full((2, 2, 3), value, np.uint8) for value in values]
        return [asyncio.ensure_future(self.queue.infer(one)) for one in pixels]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(monkeypatch)


def test_what_waits_while_all_are_busy_goes_together(played: Played) -> None:
    async def scenario() -> list[float]:
        asked = played.ask(1, 2, 3, 4, 5, 6, 7)
        await asyncio.sleep(0)
        assert [one.values for one in played.begun] == [[1], [2]]
        played.begun[0].over()
        await asyncio.sleep(0.01)
        assert played.begun[2].values == [3, 4, 5, 6]
        for request in (played.begun[2], played.begun[1]):
            request.over()
        await asyncio.sleep(0.01)
        played.begun[3].over()
        return [float((await one)[0]) for one in asked]

    assert asyncio.run(scenario()) == [1, 2, 3, 4, 5, 6, 7]


def test_a_queue_that_is_replaced_lets_its_networks_go(played: Played) -> None:
    requests = [lane.request for lane in played.queue._lanes]
    gone = weakref.ref(played.queue)
    del played.queue  # its requests still know what to call, as OpenVINO's do
    gc.collect()
    assert gone() is None
    for request in requests:
        request.over()  # and what was in work ends without harm


def test_a_failure_is_told_to_its_own_images_alone(played: Played) -> None:
    async def scenario() -> None:
        first, second = played.ask(1, 2)
        await asyncio.sleep(0)
        played.begun[0].error = RuntimeError("no memory")
        for request in list(played.begun):
            request.over()
        with pytest.raises(RuntimeError, match="no memory"):
            await first
        assert (await second)[0] == 2
        (third,) = played.ask(3)
        await asyncio.sleep(0)
        played.begun[0].error = None
        played.begun[2].over()
        assert (await third)[0] == 3

    asyncio.run(scenario())


def test_who_has_gone_holds_nobody_up(played: Played) -> None:
    async def scenario() -> None:
        gone, stays = played.ask(1, 2)
        await asyncio.sleep(0)
        gone.cancel()
        for request in list(played.begun):
            request.over()
        assert (await stays)[0] == 2

    asyncio.run(scenario())
