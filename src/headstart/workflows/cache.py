"""``headstart cache``: what is kept between runs, and how to be rid of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headstart.config import cache_dir
from headstart.files import storage_errors

_PARTS: Final = ("features", "graphs", "archives", "digests")


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One thing in the cache that can be removed on its own.

    Attributes:
        part: ``features``, ``graphs``, ``archives`` or ``digests``.
        path: Its folder or file.
        disk_bytes: Room it takes.
        used: When it was last read or written, seconds since the epoch.
    """

    part: str
    path: Path
    disk_bytes: int
    used: float


def show_cache(cache: str | Path | None = None) -> list[CacheEntry]:
    """Return what the cache holds, the least recently used first."""
    folder = cache_dir(cache)
    entries = [
        _entry(part, path)
        for part in _PARTS
        if (folder / part).is_dir()
        for path in sorted((folder / part).iterdir())
    ]
    return sorted(entries, key=lambda entry: (entry.used, str(entry.path)))


def clear_cache(cache: str | Path | None = None) -> int:
    """Remove everything the cache holds; return the bytes freed."""
    return limit_cache(0, cache)


def limit_cache(most_bytes: int, cache: str | Path | None = None) -> int:
    """Remove the least recently used entries until the cache is small enough.

    Everything in it can be computed again.

    Args:
        most_bytes: Size to come down to.
        cache: Cache folder.

    Returns:
        Bytes freed.

    Raises:
        StorageError: Something cannot be removed.
    """
    entries = show_cache(cache)
    total, freed = sum(entry.disk_bytes for entry in entries), 0
    for entry in entries:
        if total - freed <= most_bytes:
            break
        with storage_errors(entry.path):
            shutil.rmtree(entry.path) if entry.path.is_dir() else entry.path.unlink()
        freed += entry.disk_bytes
    return freed


def _entry(part: str, path: Path) -> CacheEntry:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    stats = [file.stat() for file in files]
    size = sum(
        stat.st_blocks * 512 if hasattr(stat, "st_blocks") else stat.st_size for stat in stats
    )
    used = max((max(stat.st_mtime, stat.st_atime) for stat in stats), default=0.0)
    return CacheEntry(part, path, size, used)
