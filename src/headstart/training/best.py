"""The best of a figure so far, and how long ago it was."""

from __future__ import annotations

import math
from typing import Any, Literal


class Best:
    """Follows one figure from epoch to epoch.

    Counts as Keras does: a figure is progress if it is better than the best so far by
    more than ``min_delta``. One that is not a finite number never is.

    Args:
        mode: Which way is better.
        min_delta: Change that does not count yet.

    Attributes:
        value: Best figure so far; ``None`` before the first.
        waited: Updates since the last progress.
    """

    def __init__(self, mode: Literal["min", "max"], *, min_delta: float = 0.0) -> None:
        self.mode = mode
        self.min_delta = min_delta
        self.value: float | None = None
        self.waited = 0

    def update(self, value: float) -> bool:
        """Take the next figure; return whether it is progress."""
        better = self._is_better(value)
        if better:
            self.value = float(value)
        self.waited = 0 if better else self.waited + 1
        return better

    def state_dict(self) -> dict[str, Any]:
        """Return what JSON needs to go on from here."""
        return {"value": self.value, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.value, self.waited = state["value"], state["waited"]

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.value is None:
            return True
        gain = value - self.value if self.mode == "max" else self.value - value
        return gain > self.min_delta
