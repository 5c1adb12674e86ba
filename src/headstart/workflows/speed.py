"""How fast images pass through a backbone here, decoding included."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from headstart.progress import Progress

T = TypeVar("T")

WARM_UP = 32
"""Images that fill the pipeline: the clock starts after them."""
ENOUGH = WARM_UP + 64


class PassClock:
    """A :class:`headstart.progress.Progress` that times the images it passes on.

    Args:
        listener: Who is told of everything.
    """

    def __init__(self, listener: Progress) -> None:
        self.images_per_s: float | None = None
        self._listener = listener

    def track(self, items: Iterable[T], *, total: int, task: str, unit: str) -> Iterator[T]:
        """Yield the items; where enough have passed, know how fast they came."""
        timed = self._timed(items) if total >= ENOUGH else items
        yield from self._listener.track(timed, total=total, task=task, unit=unit)

    def wait(self, task: str) -> AbstractContextManager[object]:
        """Pass it on."""
        return self._listener.wait(task)

    def say(self, message: str) -> None:
        """Pass it on."""
        self._listener.say(message)

    def _timed(self, items: Iterable[T]) -> Iterator[T]:
        began, count = 0.0, 0
        for count, item in enumerate(items, 1):
            if count == WARM_UP:
                began = time.perf_counter()
            yield item
        elapsed = time.perf_counter() - began
        if count > WARM_UP and elapsed > 0:
            self.images_per_s = (count - WARM_UP) / elapsed


def repeated(rows: Sequence[int], count: int) -> list[int]:
    """Return rows over and over, until there are ``count``.

    >>> repeated([4, 7], 5)
    [4, 7, 4, 7, 4]
    """
    return [rows[position % len(rows)] for position in range(count)]
