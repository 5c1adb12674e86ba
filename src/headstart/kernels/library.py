"""Small C kernels, compiled on first use where a C compiler is here; else done without."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from headstart.config.places import cache_dir
from headstart.kernels.native import Kernels

_FLAGS: Final = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC")
_SECONDS: Final = 120
_SOURCES: Final = ("depthwise.c", "batch_norm.c", "pointwise.c", "pooling.c", "dropout.c")
_HEADERS: Final = ("bf16.h",)


@cache
def load_kernels() -> Kernels | None:
    """Return the kernels, compiling them on first use, or ``None`` where that cannot be.

    ``HEADSTART_KERNELS=0`` does without them.
    """
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CC") or "cc", "gcc"))), None)
    if compiler is None or os.environ.get("HEADSTART_KERNELS") == "0":
        return None
    folder = resources.files("headstart.kernels")
    sources = {name: folder.joinpath(name).read_text() for name in (*_SOURCES, *_HEADERS)}
    path = cache_dir() / "kernels" / f"{_key(sources)}.so"
    try:
        if not path.is_file():
            _compile(compiler, sources, path)
        return Kernels(ctypes.CDLL(str(path)))
    except (OSError, subprocess.SubprocessError):
        return None


def _key(sources: Mapping[str, str]) -> str:
    """Return what a compiled file depends on: it is for this very processor."""
    try:
        processor = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
        flags = [line for line in processor.splitlines() if line.startswith(("flags", "Features"))]
    except OSError:
        flags = [platform.processor()]
    parts = (sorted(sources.items()), _FLAGS, platform.machine(), platform.system(), flags)
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def _compile(compiler: str, sources: Mapping[str, str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name, text in sources.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        built = Path(folder) / "kernels.so"
        written = [str(Path(folder) / name) for name in _SOURCES]
        command = [compiler, *_FLAGS, *written, "-o", str(built)]
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        built.replace(path)
