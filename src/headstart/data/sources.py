"""From what a user points at to a manifest: folders, archives, tables, single files."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Final

from headstart.data.containers import FolderContainer
from headstart.data.inputs import open_images
from headstart.data.layouts import EXPECTED, layout_manifest, wrapper
from headstart.data.listing import NOT_IMAGE, sift
from headstart.data.manifest import Container, Manifest
from headstart.data.opening import (
    ListedContainer,
    ignored_text,
    refuse_absent,
    required_archive,
    table_at,
)
from headstart.data.tables import (
    Table,
    has_label,
    is_table,
    labelled_manifest,
    load_table,
    table_paths,
)
from headstart.errors import DataError, UnlabelledError, listed

__all__ = ["open_images", "open_source"]

_TOP_TABLES: Final = ("split.csv", "metadata.csv", "metadata.jsonl")
"""Tables that describe the folder they lie in, the first found first."""


def open_source(location: str | Path, *, cache: Path, min_classes: int = 2) -> Manifest:
    """Open labelled images: a folder, an archive or a table, by its content.

    A folder or archive is read by its ``split.csv`` or ``metadata.csv|jsonl`` if
    it has one, else by its folders: ``{train,val,test}/<class>/*`` or
    ``<class>/*``; a single folder around these is looked into. Rows of folders
    and archives are sorted by path, those of tables stay in the table's order.

    Args:
        location: What the user points at.
        cache: Folder that keeps the plain form of a compressed tar.
        min_classes: Fewest classes to accept.

    Raises:
        DataError: There is nothing there, or nothing that can be understood.
        StorageError: The cache's disk is full or refuses.
    """
    path = Path(location)
    refuse_absent(path)
    if path.is_dir():
        manifest = _open_listed(FolderContainer(path))
    elif is_table(path.name):
        manifest = _open_table(path)
    else:
        manifest = _open_listed(required_archive(path, cache=cache))
    _refuse_few_classes(manifest, min_classes)
    return manifest


def _open_listed(container: ListedContainer) -> Manifest:
    ignored = Counter(container.ignored)
    names = container.names()
    images = sift(names, ignored)
    for prefix in _shared_folders(images or names):
        table = _top_table(container, names, prefix)
        if table is not None:
            return _table_inside(container, table, names, prefix, ignored)
    if not images:
        raise DataError(
            f"{container.location} holds no images ({ignored_text(ignored)}): {EXPECTED}"
        )
    return layout_manifest(container, images, prefix=_layout_root(images), ignored=ignored)


def _shared_folders(names: Sequence[str]) -> list[str]:
    """Return the folders that hold all of these sorted names, the outermost first.

    >>> _shared_folders(["pets/old/1.jpg", "pets/old/2.jpg", "pets/old/cat/3.jpg"])
    ['', 'pets/', 'pets/old/']
    """
    first, last = (name.split("/")[:-1] for name in (names[0], names[-1])) if names else ([], [])
    shared = [
        one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    ]
    return ["".join(f"{part}/" for part in shared[:depth]) for depth in range(len(shared) + 1)]


def _layout_root(images: Sequence[str]) -> str:
    prefix = ""
    while (inner := wrapper(images, prefix)) is not None:
        prefix = inner
    return prefix


def _top_table(container: Container, names: Sequence[str], prefix: str) -> Table | None:
    present = set(names)
    for name in _TOP_TABLES:
        if prefix + name in present:
            table = _table_in(container, prefix + name)
            # Any folder may hold some metadata.csv; only split.csv is surely meant for this.
            if name == "split.csv" or has_label(table):
                return table
    return None


def _table_in(container: Container, name: str) -> Table:
    full_name = posixpath.join(container.location, name)
    try:
        content = container.read(name)
    except DataError as error:
        raise DataError(f"the table {full_name} cannot be read: {error}") from error
    assert isinstance(content, bytes), "tables lie in folders and archives"
    return load_table(content, name=full_name)


def _table_inside(
    container: Container, table: Table, names: Sequence[str], prefix: str, ignored: Counter[str]
) -> Manifest:
    present = set(names)
    root = container.root if isinstance(container, FolderContainer) else None
    if root is not None:
        _refuse_outside(table, root, table_paths(table, prefix=prefix))

    def missing(paths: Sequence[str]) -> list[str]:
        absent = [path for path in paths if path not in present]
        return absent if root is None else _not_files(root, absent)

    manifest = labelled_manifest(table, container, missing=missing, prefix=prefix)
    unlisted = len(set(sift(names, Counter())).difference(manifest.paths))
    ignored[NOT_IMAGE] -= 1  # the table itself
    ignored[f"image that {posixpath.basename(table.name)} does not list"] += unlisted
    return replace(manifest, ignored=dict(+ignored))


def _refuse_outside(table: Table, root: Path, paths: Sequence[str]) -> None:
    """Refuse a table that leads out of the folder it describes: nobody has named that one."""
    top = os.path.abspath(root)  # noqa: PTH100
    led = (os.path.abspath(os.path.join(top, path)) for path in paths)  # noqa: PTH100, PTH118
    outside = [
        path
        for path, place in zip(paths, led, strict=True)
        if not place.startswith(os.path.join(top, ""))  # noqa: PTH118
    ]
    real = os.path.realpath(root)
    outside = [path for path in outside if not _leads_into(os.path.join(top, path), real)]  # noqa: PTH118
    if outside:
        raise DataError(
            f"{table.name} lists files outside of the folder {root}: {listed(outside)}. If that "
            f"is meant, point at the table itself instead of its folder"
        )


def _leads_into(path: str, real: str) -> bool:
    """Tell whether a file named by another way, through a link to the folder, lies in it."""
    place = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
    return os.path.join(place, "").startswith(os.path.join(real, ""))  # noqa: PTH118


def _open_table(path: Path) -> Manifest:
    folder = FolderContainer(path.parent, location=str(path))
    table = table_at(path)
    return labelled_manifest(table, folder, missing=lambda paths: _not_files(path.parent, paths))


def _not_files(root: Path, paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not os.path.isfile(os.path.join(root, path))]  # noqa: PTH113, PTH118


def _refuse_few_classes(manifest: Manifest, least: int) -> None:
    counts = manifest.class_counts()
    if len(counts) < least:
        found = listed(f"{name!r} ({count:,} images)" for name, count in counts.items())
        raise UnlabelledError(
            f"{manifest.container.location} holds one class only, {found} "
            f"({ignored_text(manifest.ignored)}): a classifier needs at least {least}. {EXPECTED}"
        )
