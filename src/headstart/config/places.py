"""Where headstart keeps what it may throw away, and where weights are brought."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_dir(chosen: str | Path | None = None) -> Path:
    """Return the cache folder: the one given, ``HEADSTART_CACHE``, or the user's own.

    The folder need not exist yet.
    """
    named = chosen or os.environ.get("HEADSTART_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    return _user_cache() / "headstart"


def weights_dir() -> Path:
    """Return the folder of weights that the user brought: ``HEADSTART_WEIGHTS``, or their own.

    The folder need not exist yet. Unlike the cache it cannot be computed again.
    """
    named = os.environ.get("HEADSTART_WEIGHTS")
    if named:
        return Path(named).expanduser().absolute()
    return _user_data() / "headstart" / "weights"


def _user_data() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
