"""A run that is stopped at any moment: no half of it stays, and the cache stays sound."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import headstart

STOP_AMID_FEATURES = """
import os, sys
import headstart.cli.bars as bars

number, at = int(sys.argv.pop(1)), int(sys.argv.pop(1))

class Signaller(bars.TerminalProgress):
    def track(self, items, *, total, task, unit):
        for count, item in enumerate(items):
            if (task, count) == ("features", at):
                os.kill(os.getpid(), number)
            yield item

bars.TerminalProgress = Signaller
from headstart.cli.main import entry_point
entry_point()
"""
"""Runs the command, and sends it a signal after so many features."""

KILL_AGAIN_AND_AGAIN = """
import os, signal, sys, time
import torch
from headstart.progress import Silent
from headstart.workflows.train import train

torch.set_num_threads(int(sys.argv.pop(1)))
photos, out = sys.argv[1:]
config = {"data": {"image_size_px": 96}, "judgement": {"resamples": 100}}

class Killer(Silent):
    def track(self, items, *, total, task, unit):
        for count, item in enumerate(items):
            if (task, count) == ("features", 20):
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

def attempt(name, progress):
    child = os.fork()
    if not child:
        train(photos, config=config, out=f"{out}-{name}", progress=progress)
        os._exit(0)
    return child

os.waitpid(attempt("suicide", Killer()), 0)
for seconds in (0.1, 0.4, 0.8, 1.2):
    child = attempt(f"{seconds}", Silent())
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
train(photos, config=config, out=out)
"""
"""Kills runs that are forked off before any thread exists, then makes one that ends."""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_stopped_amid_the_features(
    number: signal.Signals,
    code: int,
    command: Callable[..., Any],
    cache: Path,
    image_folder: Callable[..., Path],
    small: dict[str, Any],
    small_options: list[str],
    tmp_path: Path,
) -> None:
    photos, out = image_folder(tmp_path / "photos", "cat", "dog", per_class=80), tmp_path / "run"
    # A fixed geometry skips the trial of it, which computes features first.
    options = [*small_options, "--geometry", "squash", "--out", out]
    outcome = command(int(number), 100, "train", photos, *options, script=STOP_AMID_FEATURES)
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    said = "headstart: interrupted; nothing half-written was left" in outcome.err
    assert said is (number == signal.SIGINT)
    assert list(tmp_path.iterdir()) == [photos]
    config = {**small, "data": {**small["data"], "geometry": "squash"}}
    result = headstart.train(photos, config=config, out=out)
    environment = json.loads((result.folder / "environment.json").read_text())
    assert environment["forward_passes"] == 60


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_killed_at_any_moment_the_next_run_works(
    command: Callable[..., Any], finished: Any, cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    threads = torch.get_num_threads()  # the same number of them: the same figures
    outcome = command(threads, finished.photos, out, script=KILL_AGAIN_AND_AGAIN)
    assert outcome.code == 0, outcome.err
    ours, theirs = (json.loads((f / "metrics.json").read_text()) for f in (out, finished.folder))
    assert ours["test"] == theirs["test"]
    whole = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert all((path / "report.html").is_file() for path in whole)
