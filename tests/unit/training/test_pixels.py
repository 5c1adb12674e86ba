from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest
from headstart.data.sources import open_source
from headstart.errors import StorageError
from headstart.progress import Silent
from headstart.training import pixels as pixels_module
from headstart.training.pixels import PixelTable, read_pixels

GEOMETRY = Geometry(mode="squash", size_px=16)


class Counting(Silent):
    """Counts images, and may stop at one."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.count = 0
        self.stop_at = stop_at

    def track(self, items: Iterable[Any], *, total: int, task: str, unit: str) -> Iterator[Any]:
        for item in items:
            if self.count == self.stop_at:
                raise KeyboardInterrupt
            self.count += 1
            yield item


@pytest.fixture
def manifest(tmp_path: Path, image_folder: Any) -> Manifest:
    return open_source(image_folder(tmp_path / "photos", "cat", "dog"), cache=tmp_path / "cache")


def read(manifest: Manifest, folder: Path, rows: list[int], progress: Any = None) -> PixelTable:
    return read_pixels(
        manifest,
        rows,
        GEOMETRY,
        max_pixels=10**6,
        folder=folder,
        progress=progress or Silent(),
    )


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels_module, "_IN_MEMORY_BYTES", 0)


def test_in_memory_and_on_disk_are_the_same(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = read(manifest, tmp_path / "pixels", [3, 1])
    assert not (tmp_path / "pixels").exists()
    monkeypatch.setattr(pixels_module, "_IN_MEMORY_BYTES", 0)
    large = read(manifest, tmp_path / "pixels", [3, 1])
    rows = np.array([1, 0, 1])
    assert large.read(rows).equal(small.read(rows))
    assert len(large) == len(small) == 2


@pytest.mark.usefixtures("on_disk")
def test_a_whole_table_is_used_again_and_tables_do_not_mix(
    tmp_path: Path, manifest: Manifest
) -> None:
    first = read(manifest, tmp_path / "pixels", [0, 1, 2])
    other = read(manifest, tmp_path / "pixels", [4, 5, 6])
    again = Counting()
    assert np.array_equal(
        read(manifest, tmp_path / "pixels", [0, 1, 2], again).pixels, first.pixels
    )
    assert again.count == 0
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.usefixtures("on_disk")
def test_one_cut_short_is_made_anew(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(KeyboardInterrupt):
        read(manifest, tmp_path / "pixels", [0, 1, 2], Counting(stop_at=2))
    assert list((tmp_path / "pixels").glob("[!.]*")) == []
    again = Counting()
    whole = read(manifest, tmp_path / "pixels", [0, 1, 2], again)
    assert again.count == 3
    assert whole.pixels.any(axis=(1, 2, 3)).all()


@pytest.mark.usefixtures("on_disk")
@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved")
def test_a_disk_too_small_is_found_before_decoding(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    counting = Counting()
    with pytest.raises(StorageError, match="is full"):
        read(manifest, tmp_path / "pixels", [0, 1], counting)
    assert counting.count == 0
