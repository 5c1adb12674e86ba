"""Images for the contestants: a reduced copy of the data, or just its training images."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headstart.data.manifest import Manifest


def open_split(data: Path, cache: Path) -> Manifest:
    """Return the data as ``headstart train`` sees it, every image in a split.

    Args:
        data: Folder, archive or table.
        cache: Folder for the plain form of a compressed archive.
    """
    from headstart.config import DataConfig
    from headstart.progress import Silent
    from headstart.workflows.preparation import prepare

    return prepare(data, DataConfig(), seed=0, cache=cache, progress=Silent()).manifest


def link_by_class(manifest: Manifest, rows: Iterable[int], folder: Path) -> int:
    """Put images into ``folder/<class>/``, the layout that Keras and torchvision read.

    Returns:
        How many.
    """
    count = 0
    for row in rows:
        name = manifest.paths[row].replace("/", "__")
        _put(manifest, row, folder / str(manifest.labels[row]) / name)
        count += 1
    return count


def reduced(data: Path, limit: int | None, folder: Path) -> Path:
    """Return the data with about ``limit`` images, spread evenly over splits and classes.

    Args:
        data: Folder, archive or table.
        limit: Images kept; ``None`` leaves the data as it is.
        folder: Where the reduced form goes, with a ``split.csv``.
    """
    if limit is None:
        return data
    with tempfile.TemporaryDirectory() as cache:
        manifest = open_split(data, Path(cache))
        order = sorted(range(len(manifest)), key=lambda row: _stratum(manifest, row))
        rows = order[:: max(1, len(order) // limit)]
        table = [["image_path", "label", "split"]]
        for row in rows:
            path = f"images/{row}{Path(manifest.paths[row]).suffix}"
            _put(manifest, row, folder / path)
            table.append([path, *map(str, _stratum(manifest, row))])
    with (folder / "split.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(table)
    return folder


def _stratum(manifest: Manifest, row: int) -> tuple[str | None, str | None]:
    return manifest.labels[row], manifest.splits[row]


def _put(manifest: Manifest, row: int, target: Path) -> None:
    """Write one image; a link where it is a file already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = Path(manifest.container.location) / manifest.paths[row]
    if source.is_file():
        target.symlink_to(source.absolute())
        return
    content = manifest.container.read(manifest.paths[row])
    assert isinstance(content, bytes), "data on disk is encoded images"
    target.write_bytes(content)
