import errno
import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from headstart.data import unpacking
from headstart.data.unpacking import unpack
from headstart.errors import DataError, StorageError


def make_archive(path: Path, size: int = 100) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("cat/1.jpg")
        member.size = size
        archive.addfile(member, io.BytesIO(bytes(size)))
    return path


def test_it_is_unpacked_once_and_found_by_content(tmp_path: Path) -> None:
    path, cache = make_archive(tmp_path / "a.tar.gz"), tmp_path / "cache"
    plain = unpack(path, cache=cache)
    made = plain.stat().st_mtime_ns
    moved = path.rename(tmp_path / "b.tgz")
    assert unpack(moved, cache=cache) == plain
    assert plain.stat().st_mtime_ns == made
    assert [file.name for file in plain.parent.iterdir()] == [plain.name]


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_archive(tmp_path / "a.tar.gz", size=3_000_000)
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    monkeypatch.setattr(unpacking, "MAX_RATIO", 10)
    with pytest.raises(DataError, match=r"a\.tar\.gz unpacks to more .* bomb"):
        unpack(path, cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "archives").iterdir()) == []


def test_a_compressed_file_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"hello" * 1000))
    with pytest.raises(DataError, match="holds no tar archive"):
        unpack(tmp_path / "a.gz", cache=tmp_path / "cache")


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = make_archive(tmp_path / "a.tar.gz")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"full.*--cache"):
        unpack(path, cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "archives").iterdir()) == []
