"""A folder of runs as the service shows it: the leaderboard of each data set, and reports.

Whoever can write into the folder decides what is shown, so nothing in it leads out of it: no
link is followed, and no path of this machine is told.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from headstart.errors import DataError
from headstart.evaluation.counts import Bools
from headstart.evaluation.leaderboard import places
from headstart.workflows.runs import run_json
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import METRICS, PREDICTIONS, StoredRun, read_run

REPORT: Final = "report.html"
LEADERBOARD: Final = "leaderboard.html"
MOST_RUNS: Final = 500
MOST_PLACED: Final = 60
"""Runs of one board that are tested pair by pair."""
MOST_BYTES: Final = 64_000_000
"""Of a file that is read: answers on more are listed without a place."""
_DEPTH: Final = 4
_READ: Final = (METRICS, PREDICTIONS, "config.yaml", "environment.json", "bundle/bundle.json")
_PARTIAL: Final = ".partial-"
_TOLD: Final = (
    *("kind", "created", "backbone", "head", "strategy", "kept", "recipe", "n"),
    *("metrics", "seconds"),
)
"""What is shown of a run: nothing that holds a path."""

Stamp: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Seen:
    """One run, and how it answered the test images.

    Attributes:
        run: What its files say.
        images: Digest over its test images with their labels; empty where not known.
        right: Which of them, in the order of their contents, it got right.
    """

    run: StoredRun
    images: str
    right: Bools


class ServedRuns:
    """The runs in a folder and the folders in it.

    Args:
        folder: Where they are; a run itself is a folder of one.

    Raises:
        DataError: There is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        if not Path(folder).is_dir():
            raise DataError(f"there is no folder {folder}: give the one that your runs are in")
        self._root = Path(folder).resolve()
        self._reports: dict[str, Path] = {}

    def listing(self) -> dict[str, Any]:
        """Return the runs by the data they were judged on, the best first, as plain values."""
        seen: list[_Seen] = []
        broken: list[dict[str, str]] = []
        folders, pages = _walk(self._root)
        for folder in folders:
            try:
                seen.append(_read(folder, _stamp(folder, self._root)))
            except _BrokenError as error:
                broken.append({"name": self._name(folder), "reason": str(error)})
        reports: dict[str, Path] = {}
        boards = [self._board(group, reports) for group in _grouped(seen)]
        found = [
            {"name": self._name(page.parent), "report": _keep(page, reports)} for page in pages
        ]
        self._reports = reports
        return {"boards": boards, "pages": found, "broken": broken}

    def report(self, key: str) -> Path | None:
        """Return the file behind a key of the last listing, if it is still in the folder."""
        file = self._reports.get(key)
        return file if file is not None and _is_inside(file, self._root) else None

    def _board(self, group: Sequence[_Seen], reports: dict[str, Path]) -> dict[str, Any]:
        placed = _placed(group)
        taken = list(placed.values())
        rows = [
            {
                "name": self._name(one.run.folder),
                **_facts(one.run),
                "place": placed.get(index),
                "tied": taken.count(placed.get(index, 0)) > 1,
                "report": _keep(one.run.folder / REPORT, reports)
                if _is_inside(one.run.folder / REPORT, self._root)
                else None,
            }
            for index, one in enumerate(group)
        ]
        rows.sort(key=lambda row: (row["place"] or len(rows), -_accuracy(row)))
        return {"data": _data_name(group[0].run), "test_images": group[0].run.n, "runs": rows}

    def _name(self, folder: Path) -> str:
        """Return what a folder is called, as text that can be written."""
        inside = folder.relative_to(self._root)
        name = self._root.name if folder == self._root else inside.as_posix()
        return name.encode("utf-8", "replace").decode()


class _BrokenError(Exception):
    """A folder that is no whole run; the message says why, and no path."""


def _walk(root: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders that hold a run, or most of one, and the leaderboards' pages."""
    folders: list[Path] = []
    pages: list[Path] = []
    for folder in _folders(root, _DEPTH):
        if _is_run(folder):
            folders.append(folder)
        if _is_inside(folder / LEADERBOARD, root):
            pages.append(folder / LEADERBOARD)
        if len(folders) == MOST_RUNS:
            break
    return folders, pages


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """Yield a folder and those in it, but none inside a run, and none behind a link."""
    yield folder
    if not depth or _is_run(folder):
        return
    try:
        with os.scandir(folder) as entries:
            inside = sorted(it.name for it in entries if it.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in inside:
        if not name.startswith(".") or _PARTIAL in name:
            yield from _folders(folder / name, depth - 1)


def _is_run(folder: Path) -> bool:
    return _PARTIAL in folder.name or (folder / METRICS).is_file()


def _is_inside(file: Path, root: Path) -> bool:
    """Tell whether a path is a plain file of a folder, by whatever links it is reached."""
    try:
        real = file.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return real.is_relative_to(root) and real.is_file()


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False
    return True


def _stamp(folder: Path, root: Path) -> Stamp:
    """Return by what a run is seen to have changed.

    Raises:
        _BrokenError: It is not whole, or leads elsewhere.
    """
    if _PARTIAL in folder.name:
        raise _BrokenError("unfinished: under way, or stopped")
    if not _is_text(str(folder)):
        raise _BrokenError("its name is no text")
    present = [folder / name for name in _READ if os.path.lexists(folder / name)]
    if not all(_is_inside(file, root) for file in present):
        raise _BrokenError("it links to files outside the folder of runs")
    found = {file.name: file.stat() for file in present}
    if any(it.st_size > MOST_BYTES for name, it in found.items() if name != PREDICTIONS):
        raise _BrokenError("its files are too large")
    return tuple((it.st_mtime_ns, it.st_size) for it in found.values())


@lru_cache(maxsize=2 * MOST_RUNS)
def _read(folder: Path, _: Stamp) -> _Seen:
    """Read a run, once in each of its states."""
    try:
        run = read_run(folder)
    except DataError as error:
        raise _BrokenError("its files are damaged, or no run's") from error
    try:
        images, right = _judged(_answers(folder))
    except DataError:  # figures without answers: listed, but not placed
        images, right = "", np.empty(0, np.bool_)
    return _Seen(run, images, right)


def _answers(folder: Path) -> StoredAnswers:
    if (folder / PREDICTIONS).is_file() and (folder / PREDICTIONS).stat().st_size > MOST_BYTES:
        raise DataError("the answers are too many to be placed")
    return read_answers(folder)


def _judged(answers: StoredAnswers) -> tuple[str, Bools]:
    """Return a digest over the test images, and which were right, in the order of contents."""
    contents = answers.digests or answers.paths
    keys = list(zip(contents, answers.labels, answers.paths, strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    digest = hashlib.sha256(b"by content" if answers.digests else b"by name")
    for row in order:
        digest.update(repr(keys[row][:2]).encode("utf-8", "replace"))
    right = [answers.said[row] == answers.labels[row] for row in order]
    return digest.hexdigest(), np.array(right, np.bool_)


def _grouped(seen: Sequence[_Seen]) -> list[list[_Seen]]:
    """Return the runs by their test images, the largest group first."""
    groups: defaultdict[tuple[str, ...], list[_Seen]] = defaultdict(list)
    for one in seen:
        groups[(one.images,) if one.images else ("", one.run.data)].append(one)
    return sorted(groups.values(), key=len, reverse=True)


def _placed(group: Sequence[_Seen]) -> dict[int, int]:
    """Return the places of runs on the same images, by their numbers in the group."""
    if not group[0].images or not 1 < len(group) <= MOST_PLACED:
        return {}
    found = places({str(index): one.right for index, one in enumerate(group)})
    return {int(index): place for index, place in found.items()}


def _keep(file: Path, reports: dict[str, Path]) -> str:
    """Return a key for a file, which tells nothing of it."""
    key = hashlib.sha256(os.fsencode(file)).hexdigest()[:32]
    reports[key] = file
    return key


def _facts(run: StoredRun) -> dict[str, Any]:
    known = run_json(run)
    return {key: known[key] for key in _TOLD}


def _accuracy(row: dict[str, Any]) -> float:
    return float(row["metrics"].get("accuracy", {}).get("value", 0.0))


def _data_name(run: StoredRun) -> str:
    """Return the last part of where the images were."""
    return Path(run.data).name.encode("utf-8", "replace").decode()
