"""The clock of the fine-tuning peers: a whole epoch, or some steps after a warm-up."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path


class StepClock:
    """Times training steps.

    Args:
        steps: How many are timed; ``None``: the whole epoch, from before its first batch.
        warm_up: How many pass before that.
    """

    def __init__(self, steps: int | None, warm_up: int) -> None:
        self._steps = steps
        self._warm_up = warm_up if steps else 0
        self._passed = 0
        self._images = 0
        self._began = time.perf_counter()
        self._seconds = 0.0

    def begin(self) -> None:
        """Start the epoch."""
        self._began = time.perf_counter()

    def step(self, images: int) -> bool:
        """Count a step that has ended; return whether that was enough.

        Args:
            images: In its batch.
        """
        self._passed += 1
        if self._passed == self._warm_up:
            self.begin()
            return False
        self._images += images if self._passed > self._warm_up else 0
        self._seconds = time.perf_counter() - self._began
        return self._steps is not None and self._passed >= self._warm_up + self._steps

    def print(self, **versions: str) -> None:
        """Print one line of JSON: images, seconds, and the versions used."""
        print(json.dumps({"images": self._images, "seconds": self._seconds, **versions}))


def peer_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that both peers take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="folder/<class>/*")
    parser.add_argument("--architecture", default="tf_efficientnet_lite0", help="timm's name")
    parser.add_argument("--size", type=int, default=224, help="pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, help="steps timed [the whole epoch]")
    parser.add_argument("--warm-up", type=int, default=3, help="steps before them")
    parser.add_argument("--trained", type=Path, help="JSON list of weights trained [all]")
    parser.add_argument("--channels-last", action="store_true")
    return parser


def trained_weights(file: Path | None) -> frozenset[str] | None:
    """Return the names in a file, ``None`` for all weights."""
    return None if file is None else frozenset(json.loads(file.read_text(encoding="utf-8")))
