"""Decoding beside the engine: order, bad files, and a bounded look-ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.containers import ArraysContainer
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Rejected
from headstart.engines import pipeline as pipeline_module
from headstart.engines.base import Outputs, PixelBatch
from headstart.engines.pipeline import ImagePipeline
from headstart.errors import DataError

GEOMETRY = Geometry(size_px=16)


class Mean:
    """An engine that answers with each image's mean, two batches late."""

    name, device, precision, batch_size = "mean", "CPU", "f32", 4

    def stream(self, batches: Iterable[PixelBatch]) -> Iterator[Outputs]:
        waiting: list[Outputs] = []
        for batch in batches:
            assert 0 < len(batch) <= self.batch_size
            waiting.append(batch.mean((1, 2, 3), dtype=np.float32)[:, None])
            if len(waiting) > 2:
                yield waiting.pop(0)
        yield from waiting


class Images:
    """Grey squares whose value is their number; some of them cannot be read."""

    location = "made up"

    def __init__(self, bad: Sequence[bool]) -> None:
        self.bad = bad
        self.read_count = 0
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        return [str(number) for number in range(len(self.bad))]

    def read(self, name: str) -> np.ndarray:
        with self._lock:
            self.read_count += 1
        if self.bad[int(name)]:
            raise DataError("it is gone")
        return np.full((20, 20, 3), int(name) % 251, dtype=np.uint8)


def pipeline() -> ImagePipeline:
    return ImagePipeline(Mean(), geometry=GEOMETRY, max_pixels=10_000)


def manifest(container: Images) -> Manifest:
    nothing = (None,) * len(container.bad)
    return Manifest(container, tuple(container.names()), nothing, nothing, nothing)


def check(bad: Sequence[bool]) -> None:
    answers = list(pipeline().run(manifest(Images(bad)), range(len(bad))))
    assert [row for row, _ in answers] == list(range(len(bad)))
    for row, answer in answers:
        if bad[row]:
            assert answer == Rejected(str(row), "it is gone")
        else:
            np.testing.assert_allclose(answer, [row % 251])


@given(st.lists(st.booleans(), max_size=40))
def test_every_row_is_answered_in_order_whichever_files_are_bad(bad: list[bool]) -> None:
    check(bad)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [True],
        [True] * 30,
        [False] * 8,
        [False] * 8 + [True],
        [False] * 9 + [True] * 20,
        [True] * 20 + [False],
    ],
    ids=["none", "one", "all", "full-batches", "last", "many-at-the-end", "many-at-the-start"],
)
def test_bad_files_at_the_edges(bad: list[bool]) -> None:
    check(bad)


def test_rows_are_answered_in_the_order_asked_for() -> None:
    rows = [7, 3, 3, 0]
    answers = list(pipeline().run(manifest(Images([False] * 8)), rows))
    assert [(row, float(answer[0])) for row, answer in answers] == [(r, float(r)) for r in rows]


def test_images_beyond_the_pixel_limit_are_rejected() -> None:
    container = ArraysContainer([np.zeros((200, 200), dtype=np.uint8)])
    table = Manifest(container, ("array-000000",), (None,), (None,), (None,))
    ((_, answer),) = pipeline().run(table, [0])
    assert isinstance(answer, Rejected)
    assert "40,000 pixels" in answer.reason


@pytest.fixture
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "cpu_count", lambda: 2)


@pytest.mark.usefixtures("few_threads")
def test_reading_stays_a_few_batches_ahead() -> None:
    container = Images([False] * 2000)
    run = pipeline().run(manifest(container), range(2000))
    for consumed in range(1, 300):
        next(run)
        assert container.read_count <= consumed + 64
    run.close()


@pytest.mark.usefixtures("few_threads")
def test_a_consumer_that_stops_early_stops_the_reading() -> None:
    container = Images([False] * 2000)
    run = pipeline().run(manifest(container), range(2000))
    next(run)
    run.close()
    assert container.read_count < 100
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_a_defect_of_ours_is_not_taken_for_a_bad_file() -> None:
    container = Images([False] * 3)
    container.bad = [False]  # reading the second raises IndexError
    broken = Manifest(container, ("0", "1"), (None,) * 2, (None,) * 2, (None,) * 2)
    with pytest.raises(IndexError):
        list(pipeline().run(broken, range(2)))
