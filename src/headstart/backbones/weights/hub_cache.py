"""What other programs downloaded before, found without importing any of them.

Layout of the cache that ``huggingface_hub`` and timm share:
``models--ORG--NAME/refs/main`` names a commit, ``snapshots/COMMIT/FILE`` is the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from headstart.backbones.spec import HubWeights, UrlWeights

_HUB: Final = "https://huggingface.co"


def hub_endpoint() -> str:
    """Return the hub's address: ``HF_ENDPOINT``, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def published_url(weights: HubWeights | UrlWeights) -> str:
    """Return the address a file can be downloaded from."""
    if isinstance(weights, UrlWeights):
        return weights.url
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


def find_cached(weights: object) -> Path | None:
    """Return a file that was downloaded before, by whatever program.

    Args:
        weights: Where weights are published; only those of a hub or an address are cached.
    """
    if isinstance(weights, HubWeights):
        return _in_hub_cache(weights)
    if isinstance(weights, UrlWeights):
        return next((path for path in _torch_places(weights) if path.is_file()), None)
    return None


def _in_hub_cache(weights: HubWeights) -> Path | None:
    folder = repository_dir(weights)
    commits = [commit for commit in (_main_commit(folder),) if commit]
    commits += sorted((path.name for path in folder.glob("snapshots/*")), reverse=True)
    places = (folder / "snapshots" / commit / weights.file for commit in commits)
    return next((path for path in places if path.is_file()), None)


def _main_commit(folder: Path) -> str:
    try:
        return (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _torch_places(weights: UrlWeights) -> Iterator[Path]:
    """Yield where timm and pytorchcv keep what they download."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    torch_home = Path(os.environ.get("TORCH_HOME") or f"{caches}/torch").expanduser()
    yield torch_home / "hub" / "checkpoints" / weights.file
    yield Path("~/.torch/models").expanduser() / weights.file


def repository_dir(weights: HubWeights) -> Path:
    """Return a repository's folder in the cache."""
    return hub_cache_dir() / f"models--{weights.repository.replace('/', '--')}"


def promised_sha256(path: Path) -> str | None:
    """Return the digest that a cached file is stored under, where the hub gave one."""
    name = path.resolve().name
    return name if len(name) == 64 and all(digit in "0123456789abcdef" for digit in name) else None
