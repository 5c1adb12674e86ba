"""The most telling of benchmarks/attacks.py: nothing is read or written outside."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "attacks.py"


@pytest.mark.skipif(sys.platform != "linux", reason="inotify and fork are Linux's")
def test_the_most_telling_attacks_are_fended_off(small_bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, small_bundle, "--quick", "--json", tmp_path / "all.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    outcomes = json.loads((tmp_path / "all.json").read_text())
    assert [one["name"] for one in outcomes if one["failures"]] == [], done.stdout
    assert done.returncode == 0, done.stderr
    names = {one["name"] for one in outcomes}
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        assert names == runpy.run_path(str(SCRIPT))["TELLING"]
    finally:
        sys.path.remove(str(SCRIPT.parent))
