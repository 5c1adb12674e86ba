"""From the finished runs on one data set to its leaderboard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from headstart.errors import DataError
from headstart.evaluation.counts import Bools
from headstart.evaluation.leaderboard import (
    ON_TEST,
    Choice,
    Entry,
    FailedRun,
    Leaderboard,
    tied_with_best,
)
from headstart.progress import Progress
from headstart.workflows.benchmark_entries import Finished, build_entries
from headstart.workflows.benchmark_plan import DataSet
from headstart.workflows.benchmark_runs import Outcomes
from headstart.workflows.compare import compare
from headstart.workflows.compare_result import CompareResult
from headstart.workflows.matching import match_answers
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import PREDICTIONS, VALIDATION, read_run

_RESAMPLES: Final = 100
"""Places rest on exact tests; intervals are the runs' own."""


def build_board(data: DataSet, outcomes: Outcomes, *, progress: Progress) -> Leaderboard:
    """Rank the finished runs on one data set.

    Args:
        data: Which.
        outcomes: What became of its runs.
        progress: Who is told.

    Raises:
        DataError: A run's files are damaged.
    """
    finished = [
        Finished(run, read_run(folder), read_answers(folder / PREDICTIONS))
        for run, folder in outcomes.finished
    ]
    failed = tuple(
        FailedRun(name=run.name, model=run.model, trained=run.trained, reason=reason)
        for run, reason in outcomes.failed
    )
    bare = Leaderboard(
        data=data.name, source=data.place, entries=(), failed=failed, reason=outcomes.reason
    )
    if not finished:
        return bare
    groups = _groups(finished)
    contests = [_contest(group) for group in groups if len(group) > 1]
    placed = {it.name: it.place for contest in contests for it in contest.standings}
    entries = sorted(
        _placed(build_entries(finished), placed, groups),
        key=lambda it: (it.place or len(finished), -it.accuracy.value, it.seconds),
    )
    with progress.wait("choosing by validation"):
        choice = _choose(groups[0], {it.name: it.seconds for it in entries})
    return replace(
        bare,
        entries=tuple(entries),
        test_images=len(groups[0][0].answers),
        headline=contests[0].headline if contests else "",
        choice=choice,
        notes=_notes(finished, groups, [note for it in contests for note in it.notes]),
    )


def _groups(finished: Sequence[Finished]) -> list[list[Finished]]:
    """Return the runs by the test images they were judged on, the largest group first."""
    by_images: defaultdict[frozenset[tuple[str, str]], list[Finished]] = defaultdict(list)
    for run in finished:
        by_images[run.images].append(run)
    return sorted(by_images.values(), key=len, reverse=True)


def _contest(group: Sequence[Finished]) -> CompareResult:
    return compare({it.name: it.stored.folder for it in group}, resamples=_RESAMPLES)


def _placed(
    entries: Sequence[Entry],
    placed: Mapping[str, int],
    groups: Sequence[Sequence[Finished]],
) -> list[Entry]:
    """Write places into entries; they are shared only among runs on the same images."""
    group_of = {it.name: number for number, group in enumerate(groups) for it in group}
    taken = [(group_of[name], place) for name, place in placed.items()]
    return [
        replace(
            it,
            place=placed.get(it.name),
            is_tied=taken.count((group_of[it.name], placed.get(it.name, 0))) > 1,
        )
        for it in entries
    ]


def _choose(group: Sequence[Finished], seconds: Mapping[str, float]) -> Choice | None:
    """Return the quickest run of those that held-out images cannot tell from the best."""
    try:
        answers = {it.name: read_answers(it.stored.folder / VALIDATION) for it in group}
        if len(answers) < 2:
            return None
        matched = match_answers(answers, common=True)
    except DataError:  # a run of an earlier version, or one without any held-out image
        return None
    right = {
        name: _right(one, rows)
        for (name, one), rows in zip(answers.items(), matched.rows, strict=True)
    }
    tied = tied_with_best(right)
    return Choice(min(tied, key=seconds.__getitem__), tied, len(matched.rows[0]))


def _right(answers: StoredAnswers, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bools:
    said, labels = np.array(answers.said, object), np.array(answers.labels, object)
    return np.asarray(said[rows] == labels[rows], np.bool_)


def _notes(
    finished: Sequence[Finished], groups: Sequence[Sequence[Finished]], more: Sequence[str]
) -> tuple[str, ...]:
    notes = [ON_TEST] if len(groups[0]) > 1 else []
    if len(groups) > 1:
        notes.append(
            f"the runs were judged on {len(groups)} different sets of test images (another seed or "
            "another share): only those on the same images are ranked among each other"
        )
    if any(it.wanted.strategy != "probe" for it in finished):
        notes.append(
            "fine-tuned: validation images chose the epoch and whether it is kept, so that their "
            "figures are a little high; those of a head are cross-validated on more images"
        )
    if any("resumed after a stop" in note for it in finished for note in it.stored.notes):
        notes.append("the seconds of a resumed run count from its last start")
    return (*notes, *dict.fromkeys(more))
