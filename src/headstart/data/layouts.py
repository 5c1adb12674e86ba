"""Folder layouts: which part of a path is the split, and which the class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from headstart.data.manifest import Container, Manifest, Split
from headstart.data.tables import SPLIT_WORDS
from headstart.errors import DataError, UnlabelledError, listed

OUTSIDE_CLASS = "image outside a class folder"
OUTSIDE_SPLITS = "image outside the folders train, val and test"

EXPECTED = (
    "expected FOLDER/<class>/<images>, FOLDER/{train,val,test}/<class>/<images>, "
    "or a table split.csv or metadata.csv in FOLDER with the columns image_path and label"
)
_CAN_BE_CLASSES = frozenset({"train", "valid"})
"""Split words that also name things; ``val``, ``validation`` and ``test`` never are classes."""

Row: TypeAlias = tuple[str, str, Split | None]
"""Path, label, split."""


def wrapper(names: Sequence[str], prefix: str) -> str | None:
    """Return the prefix of the one folder that wraps everything, or ``None``.

    Args:
        names: Every image's name.
        prefix: Where to look, ``""`` or ending in ``/``.

    >>> wrapper(["pets/cat/1.jpg", "pets/dog/1.jpg"], "")
    'pets/'
    """
    tops = {name[len(prefix) :].partition("/")[0] for name in names}
    top = tops.pop() if len(tops) == 1 else ""
    inner = f"{prefix}{top}/"
    nested = sum("/" in name[len(inner) :] for name in names)
    wraps = top.lower() not in SPLIT_WORDS and 2 * nested > len(names)
    return inner if top and wraps else None


def layout_manifest(
    container: Container, images: Sequence[str], *, prefix: str, ignored: Counter[str]
) -> Manifest:
    """Return images labelled by the folders they are in.

    Args:
        container: Where the images are.
        images: Their names, sorted.
        prefix: Folder inside the container that holds the layout, ``""`` or ending in ``/``.
        ignored: Reason -> how many; added to.

    Raises:
        DataError: The folders follow no layout that says which is the class.
    """
    parts = [name[len(prefix) :].split("/", 2) for name in images]
    folders = {first for first, *rest in parts if rest}
    nested = {first for first, *rest in parts if len(rest) == 2}
    _refuse_flat(container, images, folders)
    if _has_splits(folders, nested):
        rows = _split_rows(images, prefix, ignored)
    else:
        _refuse_split_classes(container, folders, nested)
        rows = _class_rows(images, prefix, ignored)
        _refuse_inverted(container, images, prefix)
    paths, labels, splits = zip(*rows, strict=True)
    return Manifest(container, paths, labels, splits, (None,) * len(rows), dict(ignored))


def _has_splits(folders: set[str], nested: set[str]) -> bool:
    splits = {SPLIT_WORDS[top.lower()] for top in folders if top.lower() in SPLIT_WORDS}
    train = any(top.lower() == "train" for top in nested)
    others = any(top.lower() not in SPLIT_WORDS for top in folders)
    # A lone "train" beside "bus" and "car" is a vehicle.
    return train and (len(splits) > 1 or not others)


def _split_rows(images: Sequence[str], prefix: str, ignored: Counter[str]) -> list[Row]:
    rows: list[Row] = []
    for name in images:
        parts = name[len(prefix) :].split("/", 2)
        split = SPLIT_WORDS.get(parts[0].lower())
        if split is None:
            ignored[OUTSIDE_SPLITS] += 1
        elif len(parts) < 3:
            ignored[OUTSIDE_CLASS] += 1
        else:
            rows.append((name, parts[1], split))
    return rows


def _class_rows(images: Sequence[str], prefix: str, ignored: Counter[str]) -> list[Row]:
    rows: list[Row] = []
    for name in images:
        label, _, inside = name[len(prefix) :].partition("/")
        if inside:
            rows.append((name, label, None))
        else:
            ignored[OUTSIDE_CLASS] += 1
    return rows


def _refuse_flat(container: Container, images: Sequence[str], folders: set[str]) -> None:
    if not folders:
        raise UnlabelledError(
            f"{container.location} holds {len(images):,} images and no class folders: {EXPECTED}"
        )


def _refuse_split_classes(container: Container, folders: set[str], nested: set[str]) -> None:
    wrong = sorted(
        top
        for top in folders
        if top.lower() in SPLIT_WORDS and (top.lower() not in _CAN_BE_CLASSES or top in nested)
    )
    if wrong or all(top.lower() in SPLIT_WORDS for top in folders):
        raise DataError(
            f"{container.location} holds the folders {listed(sorted(folders))}, and "
            f"{listed(wrong or sorted(folders))} cannot be a class: {EXPECTED}"
        )


def _refuse_inverted(container: Container, images: Sequence[str], prefix: str) -> None:
    inner = {parts[1] for parts in (n[len(prefix) :].split("/", 2) for n in images) if parts[2:]}
    words = {folder.lower() for folder in inner}
    if "train" in words and words <= SPLIT_WORDS.keys():
        raise DataError(
            f"the class folders of {container.location} hold the folders {listed(sorted(inner))}: "
            "taken as one, test images would be trained on. "
            "Move them to FOLDER/{train,val,test}/<class>/<images>"
        )
