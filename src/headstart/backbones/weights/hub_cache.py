"""The cache that ``huggingface_hub`` and timm share, read without importing either.

Layout: ``models--ORG--NAME/refs/main`` names a commit, ``snapshots/COMMIT/FILE`` is the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from headstart.backbones.spec import HubWeights

_HUB: Final = "https://huggingface.co"


def hub_endpoint() -> str:
    """Return the hub's address: ``HF_ENDPOINT``, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def hub_url(weights: HubWeights) -> str:
    """Return the address a file can be downloaded from."""
    return f"{hub_endpoint()}/{weights.repository}/resolve/main/{weights.file}"


def hub_cache_dir() -> Path:
    """Return the hub's cache folder: ``HF_HUB_CACHE``, below ``HF_HOME``, or the user's."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser().absolute() / "hub"
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser().absolute() / "huggingface" / "hub"


def find_cached(weights: HubWeights) -> Path | None:
    """Return a hub file that was downloaded before, by whatever program."""
    folder = repository_dir(weights)
    try:
        commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    path = folder / "snapshots" / commit / weights.file
    return path if commit and path.is_file() else None


def repository_dir(weights: HubWeights) -> Path:
    """Return a repository's folder in the cache."""
    return hub_cache_dir() / f"models--{weights.repository.replace('/', '--')}"


def promised_sha256(path: Path) -> str | None:
    """Return the digest that a cached file is stored under, where the hub gave one."""
    name = path.resolve().name
    return name if len(name) == 64 and all(digit in "0123456789abcdef" for digit in name) else None
