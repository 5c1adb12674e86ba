from __future__ import annotations

import json
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import headstart
from headstart.workflows.environment import describe_environment, processor_name


def test_it_says_what_made_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = json.loads(json.dumps(describe_environment("photos")))
    assert found["headstart"] == headstart.__version__
    assert found["python"] == platform.python_version()
    assert found["data"] == str(Path("photos").absolute())
    assert datetime.now(UTC) - datetime.fromisoformat(found["created"]) < timedelta(minutes=1)
    assert found["cores"] >= 1
    assert found["packages"]["torch"]
    assert found["threads_env"] == {"OMP_NUM_THREADS": "3"}


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.workflows.environment._PACKAGES", ("no-such-package",))
    assert describe_environment("photos")["packages"] == {"no-such-package": None}


def test_the_processor_has_a_name() -> None:
    assert processor_name()
