from __future__ import annotations

from collections.abc import Iterator

import pytest

from headstart.progress import Silent
from headstart.workflows import speed
from headstart.workflows.speed import ENOUGH, WARM_UP, PassClock


class Played:
    """A clock that goes on when it is told to."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def passing(self, count: int, pause_s: float) -> Iterator[int]:
        self.now += 0.2  # an engine that is compiled first
        for number in range(count):
            self.now += pause_s
            yield number


def test_the_rate_leaves_the_beginning_out(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played()
    monkeypatch.setattr(speed, "time", played)
    clock = PassClock(Silent())
    items = clock.track(played.passing(ENOUGH, 0.002), total=ENOUGH, task="features", unit="images")
    assert list(items) == list(range(ENOUGH))
    assert clock.images_per_s == pytest.approx(500)


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
