"""Writing ``bundle.json``, which seals the other files, and bundles that decide otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from headstart.bundle.loading import INFO_FILE, Bundle, seal_of
from headstart.bundle.schema import BundleInfo
from headstart.files import storage_errors, write_json


def write_sealed(folder: Path, info: BundleInfo) -> BundleInfo:
    """Write ``bundle.json`` with its seal.

    Args:
        folder: The bundle's, with its graph and weights.
        info: What it says; its own ``seal`` is made anew.
    """
    content = json.loads(info.model_dump_json(by_alias=True))
    content["seal"] = seal_of(content)
    write_json(folder / INFO_FILE, content)
    return BundleInfo.model_validate(content)


def copy_changed(bundle: Bundle, folder: Path, changes: dict[str, Any]) -> BundleInfo:
    """Write a bundle of the same graph and weights that says something else.

    Args:
        bundle: Verified; stays as it is.
        folder: Of the new one.
        changes: Fields of :class:`BundleInfo` with their new values.

    Raises:
        StorageError: The disk is full or refuses.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in bundle.info.files:
            shutil.copyfile(bundle.folder / name, folder / name)
    return write_sealed(folder, bundle.info.model_copy(update=changes))
