from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from headstart.backbones.weights import digests
from headstart.backbones.weights.digests import known_sha256


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as large."""
    monkeypatch.setattr(digests, "_LARGE", 3)
    path = tmp_path / "large.bin"
    path.write_bytes(b"old content")
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read."""
    seen: list[Path] = []
    real = digests.file_sha256
    monkeypatch.setattr(digests, "file_sha256", lambda path: seen.append(path) or real(path))
    return seen


def test_a_large_file_is_read_once(large: Path, own_cache: Path, hashed: list[Path]) -> None:
    found = [known_sha256(large, cache=own_cache) for _ in range(2)]
    assert found == [sha256(b"old content")] * 2
    assert hashed == [large]


def test_a_changed_file_is_read_again(large: Path, own_cache: Path) -> None:
    known_sha256(large, cache=own_cache)
    stat = large.stat()
    large.write_bytes(b"new content")
    os.utime(large, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert known_sha256(large, cache=own_cache) == sha256(b"new content")


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b"\xff"])
def test_a_damaged_memory_is_made_anew(large: Path, own_cache: Path, damage: bytes) -> None:
    known_sha256(large, cache=own_cache)
    (kept,) = (own_cache / "digests").iterdir()
    kept.write_bytes(damage)
    assert known_sha256(large, cache=own_cache) == sha256(b"old content")


def test_a_link_is_what_it_points_to(
    large: Path, own_cache: Path, tmp_path: Path, hashed: list[Path]
) -> None:
    link = tmp_path / "link.bin"
    link.symlink_to(large)
    assert known_sha256(link, cache=own_cache) == known_sha256(large, cache=own_cache)
    assert len(hashed) == 1


def test_a_small_file_leaves_nothing_behind(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    assert known_sha256(tmp_path / "small", cache=own_cache) == sha256(b"x")
    assert not own_cache.exists()
