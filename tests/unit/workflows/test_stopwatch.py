from __future__ import annotations

import time

import pytest

from headstart.workflows.stopwatch import Stopwatch


def test_steps_add_up_in_the_order_they_began() -> None:
    watch = Stopwatch()
    for name in ("features", "head", "features"):
        with watch.step(name):
            time.sleep(0.01)
    seconds = watch.seconds()
    assert list(seconds) == ["features", "head", "total"]
    assert seconds["features"] >= 0.02
    assert seconds["total"] >= seconds["features"] + seconds["head"] - 0.002


def test_a_step_that_fails_counts() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="no"), watch.step("head"):
        raise ValueError("no")
    assert "head" in watch.seconds()
