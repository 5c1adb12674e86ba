"""What a run was made from and with: data, versions, processor."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import headstart
from headstart.parallel import cpu_count

_PACKAGES: Final = (
    "numpy",
    "openvino",
    "pillow",
    "simplejpeg",
    "torch",
    "timm",
    "onnx",
    "scikit-learn",
)


def describe_environment(data: str | Path) -> dict[str, object]:
    """Return when, on what data, with which versions and hardware, as plain values.

    Args:
        data: What the user pointed at; it is found again by its absolute path.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": str(Path(data).absolute()),
        "headstart": headstart.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "threads_env": {
            name: value for name in ("OMP_NUM_THREADS",) if (value := os.environ.get(name))
        },
    }


def processor_name() -> str:
    """Return the processor's own name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
