"""What every engine promises, whatever computes and in whatever arithmetic."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import build_module
from headstart.backbones.weights import resolve_weights
from headstart.engines.base import Engine
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.engines.torch_engine import TorchEngine
from headstart.errors import DataError

BATCH = 4
TOLERANCE = {"f32": 1e-4, "bf16": 0.05}


def build(name: str, precision: str, graph) -> Engine:
    if name == "openvino":
        return OpenVinoEngine(graph.path, precision=precision, batch_size=BATCH, threads=2)
    spec = find_backbone("efficientnet_lite0")
    module = build_module(spec, resolve_weights(spec, cache=graph.path.parent))
    return TorchEngine(module, device="cpu", precision=precision, batch_size=BATCH)


@pytest.fixture(
    scope="module",
    params=[("openvino", "f32"), ("openvino", "bf16"), ("torch", "f32")],
    ids="-".join,
)
def engine(request, lite0_graph) -> Engine:
    return build(*request.param, lite0_graph)


@pytest.fixture(scope="module")
def pixels(picture, lite0_graph) -> NDArray[np.uint8]:
    side = (lite0_graph.size_px, lite0_graph.size_px)
    return np.stack([picture(seed, size=side) for seed in range(10)])


def batches(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]


@pytest.fixture(scope="module")
def outputs(engine: Engine, pixels) -> list[NDArray[np.float32]]:
    return list(engine.stream(batches(pixels)))


def test_it_says_what_it_is(engine: Engine) -> None:
    assert engine.name in {"openvino", "torch"}
    assert engine.precision in {"f32", "bf16"}
    assert engine.batch_size == BATCH
    assert engine.device


def test_each_batch_has_its_rows_the_last_one_fewer(engine: Engine, outputs, lite0_graph) -> None:
    assert [part.shape for part in outputs] == [(n, lite0_graph.layout.dim) for n in (4, 4, 2)]
    assert {part.dtype for part in outputs} == {np.dtype(np.float32)}


def test_outputs_stay_what_they_were_when_the_engine_goes_on(engine: Engine, pixels) -> None:
    kept = [(part, part.copy()) for part in engine.stream(batches(pixels))]
    for part, copy in kept:
        np.testing.assert_array_equal(part, copy)


def test_order_is_kept_and_one_image_alone_gives_the_same(engine: Engine, pixels, outputs) -> None:
    alone = np.concatenate(list(engine.stream(pixel[None] for pixel in pixels)))
    together = np.concatenate(outputs)
    scale = np.abs(together).max()
    np.testing.assert_allclose(alone, together, rtol=0, atol=TOLERANCE[engine.precision] * scale)
    distances = np.linalg.norm(alone[:, None] - together[None], axis=2)
    assert distances.argmin(axis=1).tolist() == list(range(len(pixels)))


def test_no_batches_no_outputs(engine: Engine) -> None:
    assert list(engine.stream([])) == []


def test_a_consumer_may_stop_early_and_come_again(engine: Engine, pixels, outputs) -> None:
    endless = itertools.cycle(batches(pixels)[:1])
    stream = engine.stream(endless)
    next(stream)
    stream.close()
    np.testing.assert_array_equal(next(engine.stream(batches(pixels))), outputs[0])


def test_it_reads_only_a_few_batches_ahead(engine: Engine, pixels) -> None:
    read = 0

    def counted():
        nonlocal read
        for batch in itertools.cycle(batches(pixels)[:1]):
            read += 1
            yield batch

    stream = engine.stream(counted())
    for consumed in range(1, 4):
        next(stream)
        assert read <= consumed + 16
    stream.close()


def test_a_failing_source_is_not_swallowed_and_leaves_no_thread(engine: Engine, pixels) -> None:
    before = threading.active_count()

    def failing():
        yield pixels[:BATCH]
        raise LookupError("the disk is gone")

    with pytest.raises(LookupError, match="the disk is gone"):
        list(engine.stream(failing()))
    assert threading.active_count() <= before
    assert len(list(engine.stream(batches(pixels)))) == 3


@pytest.mark.parametrize("scaled", [np.float32(1 / 255), np.float32(1), 1 / 127.5])
def test_pixels_that_somebody_scaled_are_refused(engine: Engine, pixels, scaled) -> None:
    images = pixels[:BATCH] * scaled
    with pytest.raises(DataError, match=rf"{images.dtype}: expected uint8"):
        list(engine.stream([pixels[:BATCH], images]))


def test_engines_agree(pixels, lite0_graph) -> None:
    answers = {
        key: np.concatenate(list(build(*key, lite0_graph).stream(batches(pixels))))
        for key in (("openvino", "f32"), ("torch", "f32"))
    }
    first, second = answers.values()
    np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4 * np.abs(first).max())
