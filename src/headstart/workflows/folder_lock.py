"""A folder that one process works in: a kill lets go of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class FolderLock:
    """An advisory lock on a folder itself, so that it leaves no file behind.

    Where the system or the file system knows no such locks, nothing is ever in use.

    Args:
        folder: Exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object keeps others out."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Take the lock without waiting; return whether the folder is free to work in."""
        if sys.platform == "win32":
            return True
        import fcntl

        try:
            descriptor = os.open(self._folder, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            return not isinstance(error, BlockingIOError)
        if not _is_still(descriptor, self._folder):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let others in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_still(descriptor: int, folder: Path) -> bool:
    """Tell whether the folder was neither removed nor renamed before it was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except OSError:
        return False
