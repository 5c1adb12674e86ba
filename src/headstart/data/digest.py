"""The name of an image's content: what caches, duplicates and leaks are found by."""

from __future__ import annotations

import hashlib

import numpy as np

from headstart.data.manifest import Container, ImageData

_DIGEST_BYTES = 16


def content_digest(data: ImageData) -> str:
    """Return the BLAKE2b digest of an image's content, 32 hexadecimal digits.

    Encoded bytes are hashed as they are. Pixels are hashed with their shape and
    under a key of their own, so that no array shares a digest with any bytes.

    Args:
        data: Encoded bytes, or pixels, uint8, shape (height, width, 3).

    >>> content_digest(b"abc")
    'cf4ab791c62b8d2b2109c90275287816'
    """
    if isinstance(data, bytes):
        return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
    state = hashlib.blake2b(str(data.shape).encode(), digest_size=_DIGEST_BYTES, person=b"pixels")
    state.update(np.ascontiguousarray(data).data)
    return state.hexdigest()


class Digesting:
    """A container that takes the digest of whatever is read from it.

    Args:
        inner: Where the bytes are.
    """

    def __init__(self, inner: Container) -> None:
        self._inner = inner
        self._digests: dict[str, str] = {}

    @property
    def location(self) -> str:
        """What the user pointed at, for messages."""
        return self._inner.location

    def names(self) -> list[str]:
        """Return the name of every file inside, sorted by code point."""
        return self._inner.names()

    def read(self, name: str) -> ImageData:
        """Return one file's content.

        Raises:
            DataError: It is missing or cannot be read.
        """
        content = self._inner.read(name)
        self._digests[name] = content_digest(content)
        return content

    def of(self, name: str) -> str:
        """Return the digest of a file that was read; empty for any other."""
        return self._digests.get(name, "")
