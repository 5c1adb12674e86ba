"""A place to attack in: what lies outside is watched by the kernel, and compared with before."""

from __future__ import annotations

import ctypes
import io
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_OPENED, _CHANGED = 0x20, 0x2 | 0x100 | 0x200 | 0x400 | 0x800 | 0xC0
"""inotify: IN_OPEN; IN_MODIFY, IN_CREATE, IN_DELETE, both moves, both of itself."""
_NONBLOCK = 0o4000


class Watch:
    """Notices every open and change of some files and folders, by whoever and whatever name.

    Args:
        places: What is watched; folders with what lies directly inside.
    """

    def __init__(self, places: list[Path]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(_NONBLOCK)
        for place in places:
            if libc.inotify_add_watch(self._descriptor, os.fsencode(place), _OPENED | _CHANGED) < 0:
                raise OSError(ctypes.get_errno(), f"inotify cannot watch {place}")

    def seen(self) -> set[str]:
        """Return what happened since the last call: ``opened``, ``changed``."""
        found = set()
        try:
            content = os.read(self._descriptor, 1 << 20)
        except BlockingIOError:
            return found
        while content:
            _, mask, _, length = struct.unpack_from("iIII", content)
            found |= {"opened"} if mask & _OPENED else set()
            found |= {"changed"} if mask & _CHANGED else set()
            content = content[16 + length :]
        return found

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)


@dataclass(frozen=True)
class Ground:
    """Folders of one session of attacks.

    Attributes:
        root: Holds the others.
        marker: What is in every secret file, and nowhere else.
        bundle: A sound bundle.
    """

    root: Path
    marker: str
    bundle: Path

    @property
    def outside(self) -> Path:
        """Secrets: to be neither read nor changed."""
        return self.root / "outside"

    @property
    def cases(self) -> Path:
        """Where attacks are prepared, a folder each."""
        return self.root / "in"

    @property
    def allowed(self) -> Path:
        """The cache and the outputs: the only place where anything may appear."""
        return self.root / "allowed"

    def fingerprint(self) -> dict[str, tuple[int, ...]]:
        """Return everything but what is allowed to change: name -> what it was last."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders.remove("allowed")
            for place in (Path(folder) / name for name in [*folders, *names]):
                it = place.lstat()
                found[str(place)] = (it.st_mode, it.st_ino, it.st_size, it.st_mtime_ns)
        return found


def make_ground(root: Path, bundle: Path) -> Ground:
    """Lay out a ground in an empty folder."""
    ground = Ground(root, secrets.token_hex(16), bundle)
    for folder in (ground.outside, ground.cases, ground.allowed):
        folder.mkdir(parents=True)
    secret = photo(7) + ground.marker.encode()  # behind the end of a JPEG that can be decoded
    for name in ("secret.jpg", "secret.bin", "weights.safetensors", "graph.onnx", "bundle.json"):
        (ground.outside / name).write_bytes(secret)
    (ground.outside / "secret.csv").write_text(f"path,label\n{ground.marker}.jpg,{ground.marker}\n")
    return ground


def photo(seed: int = 0) -> bytes:
    """Return a small JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (37 * seed % 256, 80, 120)).save(buffer, "JPEG")
    return buffer.getvalue()
