"""Which images several runs were judged on alike: the same content, the same label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headstart.errors import DataError, listed
from headstart.evaluation.counts import Ints
from headstart.workflows.stored_answers import StoredAnswers

Key = tuple[str, int]
"""An image's content (or name), and the number of its copy among the test images."""


@dataclass(frozen=True)
class Matched:
    """The images that all runs answered, in the order of the first.

    Attributes:
        rows: Which rows of each run these are, in the same order, shape (n,) each.
        notes: What was left out, and how images were told.
    """

    rows: tuple[Ints, ...]
    notes: tuple[str, ...]


def match_answers(runs: Mapping[str, StoredAnswers], *, common: bool) -> Matched:
    """Find the images that all runs were judged on.

    Images are told by their content where every run recorded it, else by their name.

    Args:
        runs: Name -> answers, two or more.
        common: Go on with what all have where the images are not the same.

    Raises:
        DataError: They are not the same images with the same labels (and ``common`` was
            not asked for), or no image is common to all.
    """
    notes = []
    nameless = [name for name, run in runs.items() if run.digests is None]
    if nameless:
        notes.append(
            f"images are told by their file names, not their content, which "
            f"{listed(nameless, limit=3)} did not record"
        )
    places = [_places(run, by_name=bool(nameless)) for run in runs.values()]
    shared = set(places[0]).intersection(*places[1:])
    relabelled = _relabelled(list(runs.values()), places, shared)
    kept = [key for key in places[0] if key in shared and key not in relabelled]
    if any(len(place) != len(kept) for place in places):
        reason = _reason(runs, places, shared, relabelled)
        if not kept:
            raise DataError(f"{reason}. They cannot be compared")
        if not common:
            raise DataError(
                f"{reason}. To compare on the {len(kept):,} images that all share: --common"
            )
        notes.append(f"{reason}. Compared on the {len(kept):,} images that all share")
    rows = tuple(np.array([place[key] for key in kept], np.int64) for place in places)
    return Matched(rows, tuple(notes))


def _places(run: StoredAnswers, *, by_name: bool) -> dict[Key, int]:
    """Return where each image is; copies are numbered by label and name, so they pair up."""
    contents = run.paths if by_name or run.digests is None else run.digests
    order = sorted(range(len(run)), key=lambda row: (run.labels[row], run.paths[row]))
    seen: Counter[str] = Counter()
    numbers = [0] * len(run)
    for row in order:
        numbers[row] = seen[contents[row]]
        seen[contents[row]] += 1
    return {(contents[row], numbers[row]): row for row in range(len(run))}


def _relabelled(
    runs: Sequence[StoredAnswers], places: Sequence[Mapping[Key, int]], shared: set[Key]
) -> set[Key]:
    """Return the shared images that do not have the same label everywhere."""
    return {
        key
        for key in shared
        if len({run.labels[place[key]] for run, place in zip(runs, places, strict=True)}) > 1
    }


def _reason(
    runs: Mapping[str, StoredAnswers],
    places: Sequence[Mapping[Key, int]],
    shared: set[Key],
    relabelled: set[Key],
) -> str:
    counts = ", ".join(f"{name} {len(run):,}" for name, run in runs.items())
    text = f"not the same test images ({counts}; {len(shared):,} in all of them)"
    unreadable = {name: run.unreadable for name, run in runs.items() if run.unreadable}
    if unreadable:
        bad = listed(f"{count:,} in {name}" for name, count in unreadable.items())
        text += f"; unreadable: {bad}"
    if relabelled:
        text += f"; {len(relabelled):,} carry another true label, such as "
        text += _example(runs, places, min(relabelled))
    return text


def _example(
    runs: Mapping[str, StoredAnswers], places: Sequence[Mapping[Key, int]], key: Key
) -> str:
    rows = [
        (name, run, place[key]) for (name, run), place in zip(runs.items(), places, strict=True)
    ]
    labels = listed((f"{run.labels[row]} in {name}" for name, run, row in rows), limit=3)
    return f"{rows[0][1].paths[rows[0][2]]} ({labels})"
