"""The command, killed at random instants again and again: the same bits in the end."""

from __future__ import annotations

import csv
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

ENTRY = "from headstart.cli.main import entry_point; entry_point()"
BEGINS, GOES_ON = "should this run be stopped", "going on in"
KILLS = 3
SETTINGS: dict[str, Any] = {
    "backbone": {"name": "cnn1", "weights": "none"},
    "data": {"image_size_px": 32, "geometry": "squash", "val": 0.3, "test": 0.2},
    "head": {"folds": 2, "strength": 1e6},  # a probe that says little, so that tuning wins
    "judgement": {"resamples": 100},
    "training": {
        "arithmetic": "f32",
        "checkpoint_minutes": 1e-6,
        "augmentation": {"horizontal_flip": True},
        "phases": [
            {"epochs": 6, "batch_size": 4, "dropout": 0.2, "optimiser": {"learning_rate": 3e-3}}
        ],
    },
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")


def arguments(root: Path, name: str) -> list[str]:
    options = ("--config", root / "settings.yaml", "--cache", root / "cache")
    return ["train", str(root / "photos"), "--out", str(root / name), *map(str, options)]


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ENTRY, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a process says something, or ends."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return


def finish(*arguments: str) -> None:
    process = started(*arguments)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said


def weights(run: Path) -> bytes:
    return (run / "bundle" / "weights.safetensors").read_bytes()


@pytest.fixture
def root(tmp_path: Path, image_folder: Any) -> Path:
    image_folder(tmp_path / "photos", "cat", per_class=16)
    image_folder(tmp_path / "photos", "cow", "dog", per_class=32)
    (tmp_path / "photos" / "cow").rename(tmp_path / "cow")
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    return tmp_path


def losses(run: Path) -> list[str]:
    with (run / "epochs.csv").open(newline="") as stream:
        return [row["loss"] for row in csv.DictReader(stream)]


def test_killed_at_random_instants(root: Path) -> None:
    whole = started(*arguments(root, "whole"))
    wait_for(whole, BEGINS)
    began = time.monotonic()
    _, said = whole.communicate(timeout=600)
    assert whole.returncode == 0, said
    assert "the trained network is kept" in said
    seconds = time.monotonic() - began
    resume = ["train", "--resume", str(root / "run")]
    calls = [(arguments(root, "run"), BEGINS), *(KILLS - 1) * [(resume, GOES_ON)]]
    draws = random.Random(time.time_ns())
    waits = [draws.uniform(0, seconds) for _ in calls]
    logging.getLogger(__name__).warning("killed after %s", waits)  # shown where it fails
    for (call, words), wait in zip(calls, waits, strict=True):
        process = started(*call)
        wait_for(process, words)
        time.sleep(wait)
        process.kill()
        process.communicate()
        if (root / "run").exists():
            break  # it was faster this time
    else:
        finish(*resume)
    assert weights(root / "run") == weights(root / "whole")
    assert losses(root / "run") == losses(root / "whole")
    assert not any(root.glob(".*"))


def test_stopped_politely_it_says_how_to_go_on(root: Path) -> None:
    process = started(*arguments(root, "run"))
    wait_for(process, "phase 1, epoch 1/6")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 130
    assert f"the run is kept; to go on: headstart train --resume {root / 'run'}" in said
    assert "Traceback" not in said
    (partial,) = root.glob(".run.partial-*")
    assert not any(path.name.startswith(".") for path in partial.rglob("*"))
