"""headstart, and what it imports, open no network connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts import FORBID_SOCKETS

TRAIN_AND_PREDICT = """
from headstart.cli.main import main

photos, image, run, *options = sys.argv[1:]
for arguments in (["train", photos, "--out", run, *options], ["predict", run, image]):
    try:
        main(arguments)
    except SystemExit as done:
        assert not done.code
"""


def test_training_and_predicting_need_no_network_and_try_none(
    command: Callable[..., Any],
    finished: Any,
    cache: Path,
    small_options: list[str],
    tmp_path: Path,
) -> None:
    attempts, image = tmp_path / "attempts", finished.photos / "cat" / "0.png"
    outcome = command(
        attempts,
        finished.photos,
        image,
        tmp_path / "run",
        *small_options,
        script=FORBID_SOCKETS + TRAIN_AND_PREDICT,
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[-1].startswith(f"{image}\t")
    assert attempts.read_text() == ""


def test_openvino_sends_no_telemetry(command: Callable[..., Any], finished: Any) -> None:
    script = """
import json, sys
import headstart
headstart.load(sys.argv[1]).predict([sys.argv[2]])
print(json.dumps(sorted(sys.modules)))
"""
    image = finished.photos / "cat" / "0.png"
    outcome = command(finished.folder, image, script=script)
    assert outcome.code == 0, outcome.err
    modules = json.loads(outcome.out)
    assert "openvino" in modules
    assert not [name for name in modules if name.startswith("openvino_telemetry")]
