from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.workflows.cache import clear_cache, limit_cache, show_cache


@pytest.fixture
def filled(own_cache: Path) -> Path:
    """Three entries of 100 kB, used one after the other."""
    for part, name, used in (
        ("graphs", "old", 1_000),
        ("features", "middle", 2_000),
        ("archives", "new.tar", 3_000),
    ):
        place = own_cache / part / name
        file = place if part == "archives" else place / "data"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 100_000)
        os.utime(file, (used, used))
    return own_cache


def test_a_cache_that_does_not_exist_is_empty(own_cache: Path) -> None:
    assert show_cache() == []
    assert clear_cache() == 0
    assert not own_cache.exists()


def test_entries_come_least_recently_used_first(filled: Path) -> None:
    entries = show_cache()
    assert [(entry.part, entry.path.name) for entry in entries] == [
        ("graphs", "old"),
        ("features", "middle"),
        ("archives", "new.tar"),
    ]
    assert all(100_000 <= entry.disk_bytes < 120_000 for entry in entries)
    assert [entry.used for entry in entries] == [1_000, 2_000, 3_000]


def test_a_limit_removes_the_least_recently_used(filled: Path) -> None:
    freed = limit_cache(250_000)
    assert 100_000 <= freed < 120_000
    assert [entry.path.name for entry in show_cache()] == ["middle", "new.tar"]
    assert limit_cache(10**9) == 0


def test_clearing_leaves_nothing_and_touches_nothing_else(filled: Path) -> None:
    (filled / "mine.txt").write_text("mine")
    assert clear_cache(filled) >= 300_000
    assert show_cache(filled) == []
    assert (filled / "mine.txt").exists()
