"""How fast backbones were on this machine: measured in passing, kept in the cache."""

from __future__ import annotations

import json
import math
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from headstart.backbones.spec import BackboneSpec
from headstart.errors import StorageError
from headstart.files import write_json

FEWEST_IMAGES = 200
"""A shorter pass says more of starting than of running."""
_FILE = "speeds.json"


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement: decoding and forward pass together.

    Attributes:
        images_per_s: Images a second.
        precision: Arithmetic, such as ``"bf16"``.
        size_px: Side of the squares.
    """

    images_per_s: float
    precision: str
    size_px: int


def record_speed(cache: Path, spec: BackboneSpec, speed: Speed) -> None:
    """Keep a measurement; it replaces the backbone's last one on this machine.

    A cache that cannot be written is no reason to fail: the figure is only a convenience.
    """
    speeds = _read(cache)
    rounded = replace(speed, images_per_s=round(speed.images_per_s, 1))
    speeds.setdefault(_machine(), {})[spec.name] = asdict(rounded)
    with suppress(StorageError):
        write_json(cache / _FILE, speeds)


def known_speed(cache: Path, spec: BackboneSpec) -> Speed | None:
    """Return the last measurement of a backbone on this machine, if there is one."""
    try:
        kept = _read(cache)[_machine()][spec.name]
        speed = Speed(float(kept["images_per_s"]), str(kept["precision"]), int(kept["size_px"]))
    except (KeyError, TypeError, ValueError):
        return None
    return speed if math.isfinite(speed.images_per_s) else None


def _machine() -> str:
    """Return what tells this machine from others that share the cache."""
    return platform.node() or "this machine"


def _read(cache: Path) -> dict[str, dict[str, dict[str, float | int | str]]]:
    try:
        kept = json.loads((cache / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sound = isinstance(kept, dict) and all(isinstance(v, dict) for v in kept.values())
    return kept if sound else {}
