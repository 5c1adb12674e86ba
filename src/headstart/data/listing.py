"""Walking folders, and telling images from what merely lies beside them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from headstart.errors import DataError

IMAGE_SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"}
)
_JUNK = frozenset({"__MACOSX", "Thumbs.db"})

MOST_LINKED = 10_000
"""Folders behind links behind links: a dozen that are all linked to each other are 10 ** 9."""

_REMEMBERED = 4096

RUN = "finished run of headstart"
HIDDEN = "hidden or system file or folder"
NOT_IMAGE = "not an image by its extension"
BAD_NAME = "file name that is not valid UTF-8"
EMPTY_FOLDER = "empty folder"
SPECIAL = "neither a file nor a folder"
LOOP = "link to a folder that contains it"

_Visit: TypeAlias = tuple[str, str, tuple[str, ...]]
"""A folder to visit: its path, its name prefix, the real folders that links led here from."""


def looks_like_image(name: str) -> bool:
    """Say whether a file's extension is one of the image formats, in any case.

    >>> looks_like_image("cat/1.JPEG"), looks_like_image("cat/readme.txt")
    (True, False)
    """
    _, dot, suffix = name.rpartition(".")
    return bool(dot) and suffix.lower() in IMAGE_SUFFIXES


def is_junk(part: str) -> bool:
    """Say whether a file or folder name is hidden or an operating system's own."""
    return part.startswith(".") or part in _JUNK


def sift(names: Iterable[str], ignored: Counter[str]) -> list[str]:
    """Keep the names that look like images, counting the others by reason.

    Args:
        names: POSIX paths relative to one root.
        ignored: Reason -> how many; added to.
    """
    kept = []
    for name in names:
        reason = _reason_to_ignore(name)
        if reason is None:
            kept.append(name)
        else:
            ignored[reason] += 1
    return kept


def walk(root: Path, ignored: Counter[str]) -> list[str]:
    """List every file below a folder, as sorted POSIX paths relative to it.

    Hidden and system folders are not entered; links to folders are followed,
    except in circles. No file is opened or queried, so 60,000 take a fraction
    of a second.

    Args:
        root: The folder.
        ignored: Reason -> how many; added to.

    Raises:
        DataError: A folder cannot be read, or links lead to folders without end.
    """
    names: list[str] = []
    visits: list[_Visit] = [(str(root), "", ())]
    linked = 0
    real = lru_cache(_REMEMBERED)(os.path.realpath)
    while visits:
        visit = visits.pop()
        linked += len(visit[2]) > 1
        _refuse_farm(root, linked)
        entries = _entries(visit[0])
        ignored[EMPTY_FOLDER] += not entries
        for entry in entries:
            if _is_folder(entry):
                visits.extend(_enter(entry, visit, ignored, real))
            elif _is_file(entry):
                names.append(visit[1] + entry.name)
            else:
                ignored[SPECIAL] += 1
    names.sort()
    return names


def _reason_to_ignore(name: str) -> str | None:
    if ("." in name[:1] or "/." in name or "_" in name or "Thumbs" in name) and any(
        is_junk(part) for part in name.split("/")
    ):
        return HIDDEN
    if not looks_like_image(name):
        return NOT_IMAGE
    if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
        return BAD_NAME
    return None


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise DataError(
            f"the folder {folder} cannot be read ({error.strerror}): "
            "give yourself permission to list it, or move it away"
        ) from error


def _refuse_farm(root: Path, linked: int) -> None:
    if linked > MOST_LINKED:
        raise DataError(
            f"links behind links below {root} lead to more than {MOST_LINKED:,} folders: take out "
            "links between the folders"
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a file, or a link to one or to nothing: that is said on reading."""
    return entry.is_symlink() or entry.is_file()


def _enter(
    entry: os.DirEntry[str], visit: _Visit, ignored: Counter[str], real: Callable[[str], str]
) -> Iterator[_Visit]:
    folder, prefix, chain = visit
    if is_junk(entry.name):
        ignored[HIDDEN] += 1
        return
    if os.path.isfile(os.path.join(entry.path, "bundle", "bundle.json")):  # noqa: PTH113, PTH118
        ignored[RUN] += 1
        return
    if entry.is_symlink():
        chain = (*chain, real(folder))
        if _leads_back(real(os.path.join(chain[-1], entry.name)), chain):  # noqa: PTH118
            ignored[LOOP] += 1
            return
    yield entry.path, f"{prefix}{entry.name}/", chain


def _leads_back(target: str, chain: Iterable[str]) -> bool:
    return any(place == target or place.startswith(target + os.sep) for place in chain)
