"""A finished run, shared: to look at, never to write to."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from headstart.backbones.graph import BackboneGraph
from headstart.config import TrainConfig, build_config
from headstart.workflows.train import TrainResult, train


class Finished(NamedTuple):
    """A run on 3 x 12 photos."""

    photos: Path
    cache: Path
    result: TrainResult


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    """Settings that fit the shared graph, and cost little."""
    return build_config({"data": {"image_size_px": 96}, "judgement": {"resamples": 100}})


@pytest.fixture
def cache(own_cache: Path, lite0_graph: BackboneGraph) -> Path:
    """This test's cache folder, with the shared graph and no features."""
    return _with_graph(own_cache, lite0_graph)


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    image_folder: Callable[..., Path],
    lite0_graph: BackboneGraph,
    config: TrainConfig,
) -> Finished:
    """A run and its warm cache."""
    root = tmp_path_factory.mktemp("finished")
    photos = image_folder(root / "photos", "cat", "dog", "eel", per_class=12)
    cache = _with_graph(root / "cache", lite0_graph)
    return Finished(photos, cache, train(photos, config=config, out=root / "run", cache=cache))


def _with_graph(cache: Path, graph: BackboneGraph) -> Path:
    graphs = graph.path.parent.parent
    shutil.copytree(graphs, cache / graphs.name, dirs_exist_ok=True)
    return cache


Event = dict[str, Any]


@pytest.fixture(scope="session")
def read_events() -> Callable[[Path], list[Event]]:
    """``read_events(folder)``: its one event file as ``{"step", "scalars", "texts"}`` records.

    A reader of the format of its own: checksums by long division, protocol buffers by hand.
    """

    def read(folder: Path) -> list[Event]:
        (path,) = folder.glob("events.out.tfevents.*")
        content, events = path.read_bytes(), []
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            body = content[12 : 12 + length]
            assert content[8:12] == _masked(content[:8])
            assert content[12 + length : 16 + length] == _masked(body)
            events.append(_event(body))
            content = content[16 + length :]
        return events

    return read


def _masked(content: bytes) -> bytes:
    state = 0xFFFFFFFF
    for byte in content:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    plain = state ^ 0xFFFFFFFF
    return struct.pack("<I", ((plain >> 15 | plain << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _event(body: bytes) -> Event:
    event: Event = {"step": 0, "scalars": {}, "texts": {}, "plugins": {}}
    for field, value in _fields(body):
        if field == 2:
            event["step"] = value
        elif field == 3:
            event["version"] = value.decode()
        elif field == 5:
            for _, part in _fields(value):
                _add(event, dict(_fields(part)))
    return event


def _add(event: Event, value: dict[int, Any]) -> None:
    tag = value[1].decode()
    if 2 in value:
        event["scalars"][tag] = struct.unpack("<f", value[2])[0]
    if 9 in value:
        plugin = dict(_fields(dict(_fields(value[9]))[1]))
        event["plugins"][tag] = (plugin[1].decode(), plugin.get(2, b""))
    if 8 in value:
        event["texts"][tag] = dict(_fields(value[8]))[8].decode()


def _fields(body: bytes) -> Iterator[tuple[int, Any]]:
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = body[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(body):
        field, kind = divmod(varint(), 8)
        if kind == 0:
            yield field, varint()
            continue
        width = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        yield field, body[place : place + width]
        place += width
