"""Digests of weights files, remembered for large ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from headstart.files import write_json

_LARGE: Final = 32_000_000
"""Bytes from which a digest is kept: below, hashing takes less than a tenth of a second."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, read now."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def known_sha256(path: Path, *, cache: Path) -> str:
    """Return a file's SHA-256; that of a large one is kept by path, size and time.

    Args:
        path: The file.
        cache: Cache folder.

    Raises:
        StorageError: The cache cannot be written.
    """
    real = path.resolve()
    stat = real.stat()
    if stat.st_size < _LARGE:
        return file_sha256(real)
    stamp = {"path": str(real), "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    name = hashlib.blake2b(str(real).encode(), digest_size=12).hexdigest()
    kept = cache / "digests" / f"{name}.json"
    known = _read(kept)
    if {key: known.get(key) for key in stamp} == stamp and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    digest = file_sha256(real)
    write_json(kept, {**stamp, "sha256": digest})
    return digest


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
