"""How long each step of a run took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up seconds by step name, in the order the steps first began."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a block."""
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - began
            self._steps[name] = self._steps.get(name, 0.0) + elapsed

    @property
    def elapsed_s(self) -> float:
        """Seconds since the watch was made."""
        return time.perf_counter() - self._began

    def seconds(self) -> dict[str, float]:
        """Return step -> seconds, and ``total`` since the watch was made."""
        steps = {name: round(value, 3) for name, value in self._steps.items()}
        return {**steps, "total": round(self.elapsed_s, 3)}
