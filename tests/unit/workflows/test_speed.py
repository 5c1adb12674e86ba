from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from headstart.progress import Silent
from headstart.workflows.speed import ENOUGH, WARM_UP, PassClock


def passing(count: int, pause_s: float) -> Iterator[int]:
    time.sleep(0.2)  # an engine that is compiled first
    for number in range(count):
        time.sleep(pause_s)
        yield number


def test_the_rate_leaves_the_beginning_out() -> None:
    clock = PassClock(Silent())
    items = clock.track(passing(ENOUGH, 0.002), total=ENOUGH, task="features", unit="images")
    assert list(items) == list(range(ENOUGH))
    assert clock.images_per_s is not None
    assert 50 < clock.images_per_s < 500


def test_too_few_images_are_not_timed() -> None:
    clock = PassClock(Silent())
    assert list(clock.track(range(WARM_UP), total=WARM_UP, task="", unit="")) == [*range(WARM_UP)]
    assert clock.images_per_s is None


def test_the_listener_hears_everything() -> None:
    heard: list[str] = []

    class Listener(Silent):
        def say(self, message: str) -> None:
            heard.append(message)

    clock = PassClock(Listener())
    clock.say("hello")
    with clock.wait("waiting"):
        pass
    assert heard == ["hello"]


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_pass(count: int) -> None:
    clock = PassClock(Silent())
    assert len(list(clock.track(iter(range(count)), total=ENOUGH, task="", unit=""))) == count
    assert clock.images_per_s is None
