from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headstart.config import build_config, read_settings
from headstart.workflows.tuning_config import check_tuning

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("[!_]*.py"))


def test_readme_names_every_benchmark() -> None:
    readme = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert [name for name in SCRIPTS if name not in readme] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_how_to_run_it(script: str) -> None:
    command = [sys.executable, str(BENCHMARKS / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: {script}" in done.stdout


def test_settings_of_a_claim_are_sound() -> None:
    for file in sorted((BENCHMARKS / "reproduce").glob("*.yaml")):
        check_tuning(build_config(read_settings(file)))
