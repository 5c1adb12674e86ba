"""Places that hold images: a folder, a list of paths, arrays in memory, several at once.

``read`` raises a :class:`DataError` that carries only the reason, because whoever
asked knows the name: it becomes the ``reason`` of a rejected file.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headstart.data.listing import walk
from headstart.data.manifest import Container, ImageData, Pixels
from headstart.errors import DataError

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest single image file that is read into memory."""
_AS_STORED = (
    "; pixels as they are stored, 0..255, which the network normalises itself "
    "(from 0..1: (255 * image).round().astype('uint8'))"
)


class FolderContainer:
    """The files below a folder.

    Args:
        root: The folder.
        location: What the user pointed at, where that is not the folder itself.
    """

    def __init__(self, root: Path, *, location: str | None = None) -> None:
        self.root = root
        self._location = str(root) if location is None else location
        self._names: list[str] | None = None
        self._ignored: Counter[str] = Counter()

    @property
    def location(self) -> str:
        """What the user pointed at, for messages."""
        return self._location

    @property
    def ignored(self) -> Mapping[str, int]:
        """Entries that ``names`` leaves out: reason -> how many."""
        self.names()
        return dict(+self._ignored)

    def names(self) -> list[str]:
        """Return the name of every file below the folder, sorted by code point.

        Raises:
            DataError: A folder cannot be listed.
        """
        if self._names is None:
            self._names = walk(self.root, self._ignored)
        return list(self._names)

    def read(self, name: str) -> bytes:
        """Return one file's bytes; an absolute name is read from where it says.

        Raises:
            DataError: It is missing or cannot be read; the reason only.
        """
        return read_file(os.path.join(self.root, name))  # noqa: PTH118  faster than Path, per file


class PathsContainer:
    """Files anywhere, named by their paths exactly as given.

    Args:
        paths: The files; nothing is opened before it is read.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self._paths = [os.fspath(path) for path in paths]

    @property
    def location(self) -> str:
        """What the user pointed at, for messages."""
        return self._paths[0] if len(self._paths) == 1 else f"{len(self._paths)} paths"

    def names(self) -> list[str]:
        """Return every path, sorted by code point."""
        return sorted(self._paths)

    def read(self, name: str) -> bytes:
        """Return one file's bytes.

        Raises:
            DataError: It is missing or cannot be read; the reason only.
        """
        return read_file(name)


class ArraysContainer:
    """Images in memory, named ``array-000000`` and so on.

    Args:
        arrays: Each uint8 of shape (H, W, 3), RGB, or (H, W), grey.

    Raises:
        DataError: An array is of another type or shape.
    """

    def __init__(self, arrays: Iterable[npt.NDArray[np.uint8]]) -> None:
        self._arrays = {
            f"array-{index:06d}": _checked(index, array) for index, array in enumerate(arrays)
        }

    @property
    def location(self) -> str:
        """What the user pointed at, for messages."""
        return f"{len(self._arrays)} arrays"

    def names(self) -> list[str]:
        """Return the name of every array, sorted by code point."""
        return sorted(self._arrays)

    def read(self, name: str) -> Pixels:
        """Return one image, uint8, shape (H, W, 3); grey ones with three equal channels.

        Raises:
            DataError: There is no such array.
        """
        array = self._arrays.get(name)
        if array is None:
            raise DataError("there is no such array")
        return array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2)


class JoinedContainer:
    """Several containers seen as one.

    Args:
        entries: Name outside -> (container, name inside it).
        location: What the user pointed at, for messages.
    """

    def __init__(self, entries: Mapping[str, tuple[Container, str]], *, location: str) -> None:
        self._entries = dict(entries)
        self._location = location

    @property
    def location(self) -> str:
        """What the user pointed at, for messages."""
        return self._location

    def names(self) -> list[str]:
        """Return every name, sorted by code point."""
        return sorted(self._entries)

    def read(self, name: str) -> ImageData:
        """Return one file's content.

        Raises:
            DataError: It is missing or cannot be read; the reason only.
        """
        if name not in self._entries:
            raise DataError("the file does not exist")
        container, inner = self._entries[name]
        return container.read(inner)


def read_file(path: str) -> bytes:
    """Return a file's bytes.

    A device or a pipe is not read: it may have no end, or never begin.

    Raises:
        DataError: It is missing, no plain file, too large or cannot be read; the reason only.
    """
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise DataError("it is no plain file (a folder, a device or a pipe)")
            check_size(found.st_size)
            return stream.readall()
    except FileNotFoundError:
        raise DataError("the file does not exist") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"the file cannot be read: {reason}") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for somebody to write into it, should it be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def check_size(size: int) -> None:
    """Refuse to read a file that no image needs to be as large as.

    Raises:
        DataError: It is larger than ``MAX_FILE_BYTES``; the reason only.
    """
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"the file holds {size:,} bytes, more than the {MAX_FILE_BYTES:,} read at most"
        )


def _checked(index: int, array: object) -> Pixels:
    if not isinstance(array, np.ndarray):
        raise DataError(
            f"image {index} is a {type(array).__name__}: expected a uint8 array "
            "of shape (H, W, 3) or (H, W)"
        )
    shaped = (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) and array.size > 0
    if array.dtype != np.uint8 or not shaped:
        mend = "" if shaped else "; channels come last"
        mend += _AS_STORED if array.dtype != np.uint8 else ""
        raise DataError(
            f"image {index} has dtype {array.dtype} and shape {array.shape}: "
            f"expected uint8 of shape (H, W, 3) or (H, W){mend}"
        )
    return array
