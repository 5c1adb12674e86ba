"""Images without labels, from whatever mixture of inputs a user names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from headstart.data.containers import FolderContainer, JoinedContainer, PathsContainer
from headstart.data.listing import looks_like_image, sift
from headstart.data.manifest import Container, Manifest
from headstart.data.opening import ListedContainer, archive_at, ignored_text, table_at
from headstart.data.tables import is_table, table_paths
from headstart.errors import DataError, listed


def open_images(inputs: Sequence[str | Path], *, cache: Path) -> Manifest:
    """Open images without labels, for prediction; inputs may be mixed.

    Args:
        inputs: Files (taken whatever they are named, even if they are missing),
            folders (with all below), archives, tables with a path column.
        cache: Folder that keeps the plain form of a compressed tar.

    Returns:
        One row per image in the order of the inputs, each folder's and archive's
        sorted; paths start with the input as given.

    Raises:
        DataError: A folder, archive or table cannot be read, or there are no images.
        StorageError: The cache's disk is full or refuses.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    paths: list[str] = []
    inner: dict[str, tuple[Container, str]] = {}
    ignored: Counter[str] = Counter()
    for given in inputs:
        found, container = _expand(os.fspath(given), cache, ignored)
        if container is not None:
            outer = [f"{os.fspath(given)}/{name}" for name in found]
            inner.update(zip(outer, ((container, name) for name in found), strict=True))
            found = outer
        paths.extend(found)
    _refuse_no_images(paths, inputs, ignored)
    none = (None,) * len(paths)
    return Manifest(_container(paths, inner), tuple(paths), none, none, none, dict(ignored))


def _expand(
    given: str, cache: Path, ignored: Counter[str]
) -> tuple[list[str], ListedContainer | None]:
    """Return what one input stands for, and the archive that holds it if there is one."""
    path = Path(given)
    if os.path.isdir(given):  # noqa: PTH112  unlike Path, says no where it may not look
        folder = FolderContainer(path)
        return [os.path.join(given, name) for name in _images_in(folder, ignored)], None  # noqa: PTH118
    if looks_like_image(path.name) or not (os.path.isfile(given) and os.access(given, os.R_OK)):  # noqa: PTH113
        return [given], None
    if is_table(path.name):
        inside = table_paths(table_at(path))
        return [str(path.parent / name) for name in inside], None
    archive = archive_at(path, cache=cache)
    return ([given], None) if archive is None else (_images_in(archive, ignored), archive)


def _images_in(container: ListedContainer, ignored: Counter[str]) -> list[str]:
    images = sift(container.names(), ignored)
    ignored.update(container.ignored)
    return images


def _container(paths: Sequence[str], inner: Mapping[str, tuple[Container, str]]) -> Container:
    plain = PathsContainer([path for path in paths if path not in inner])
    if not inner:
        return plain
    outside = {path: (plain, path) for path in plain.names()}
    return JoinedContainer({**outside, **inner}, location=f"{len(paths)} paths")


def _refuse_no_images(
    paths: Sequence[str], inputs: Sequence[str | Path], ignored: Mapping[str, int]
) -> None:
    if not paths:
        raise DataError(
            f"no images in {listed(inputs) or 'an empty list'} ({ignored_text(ignored)}): "
            "expected image files, folders, archives or tables of them"
        )
