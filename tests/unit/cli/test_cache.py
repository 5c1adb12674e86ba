from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def filled(own_cache: Path) -> Path:
    for number, name in enumerate(("old", "new"), start=1):
        file = own_cache / "features" / name / "data.mdb"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1_500_000)
        os.utime(file, (number, number))
    return own_cache


def test_show_is_the_default(cli: Any, filled: Path) -> None:
    outcome = cli("cache")
    assert outcome == cli("cache", "show")
    total, old, new = outcome.out.splitlines()
    assert total == f"{filled}: 3.0 MB"
    assert old.split() == ["features", "1.5", "MB", "old"]
    assert new.split()[-1] == "new"


def test_an_empty_cache_can_be_shown(cli: Any, own_cache: Path) -> None:
    assert cli("cache").out == f"{own_cache}: 0.0 MB\n"


def test_limit_keeps_what_was_used_last(cli: Any, filled: Path) -> None:
    assert cli("cache", "limit", "--size-mb", "2").out == "freed 1.5 MB\n"
    assert [path.name for path in (filled / "features").iterdir()] == ["new"]


def test_clear_frees_everything(cli: Any, filled: Path) -> None:
    assert cli("cache", "clear", "--cache", filled).out == "freed 3.0 MB\n"
    assert list((filled / "features").iterdir()) == []


@pytest.mark.parametrize("size", [[], ["--size-mb", "-1"]])
def test_limit_needs_a_size(cli: Any, filled: Path, size: list[str]) -> None:
    outcome = cli("cache", "limit", *size)
    assert outcome.code == 2
    assert "'cache limit' needs --size-mb" in outcome.err
    assert len(list((filled / "features").iterdir())) == 2
