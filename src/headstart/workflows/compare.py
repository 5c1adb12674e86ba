"""``headstart compare``: which of several models is better on the same images, and how sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from headstart.config import JudgementConfig
from headstart.errors import ConfigError, DataError
from headstart.evaluation.contest import hold_contest
from headstart.progress import Progress, Silent
from headstart.workflows.compare_result import CompareResult
from headstart.workflows.matching import match_answers
from headstart.workflows.run_directory import refuse_existing
from headstart.workflows.stored_answers import StoredAnswers, read_answers

Place: TypeAlias = "str | PathLike[str]"
"""A run directory, what ``headstart evaluate --out`` wrote, or a table of answers."""

Compared: TypeAlias = "Sequence[Place] | Mapping[str, Place] | Mapping[str, npt.ArrayLike]"
"""Runs, runs by the name they are to be shown under, or plain arrays of answers by name."""


def compare(
    models: Compared,
    targets: npt.ArrayLike | None = None,
    *,
    classes: Sequence[str] | None = None,
    common: bool = False,
    out: str | Path | None = None,
    data: str | Path | None = None,
    resamples: int = JudgementConfig().resamples,
    seed: int = 0,
    confidence: float = JudgementConfig().confidence,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> CompareResult:
    """Compare models that answered the same images.

    ``compare(["runs/a", "runs/b"])`` and ``compare({"mine": "runs/a", "theirs": "b.csv"})``
    read answers from disk; ``compare({"a": probabilities, "b": others}, targets,
    classes=names)`` takes them as arrays.

    Args:
        models: Run directories, outputs of ``headstart evaluate`` or tables of answers
            (``path,true_label,label``, with ``prob_<class>`` where known); or name ->
            probabilities of shape (N, K), or classes named, shape (N,).
        targets: True classes, shape (N,), as positions or names; for arrays only.
        classes: Class names in column order, K of them; for arrays only. Where not given:
            the positions as names, or the names that occur if only names were given.
        common: Go on with the images that all have, where they are not the same.
        out: ``FILE.html`` for the page, else a folder for the page, JSON and tables; must
            not exist yet.
        data: Where the images are, for the pictures on the page; where the runs found
            them, if not given.
        resamples: How many bootstrap resamples the intervals rest on.
        seed: The same seed gives the same intervals.
        confidence: How often such intervals are to hold the true figure.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Raises:
        ConfigError: There are fewer than two models, or a file exists already.
        DataError: They were not judged on the same images, or a run cannot be read.
        ValueError: Plain arrays do not fit together.
    """
    listener = progress or Silent()
    if out is not None:
        refuse_existing(Path(out))
    settings = {"resamples": resamples, "seed": seed, "confidence": confidence}
    if targets is not None:
        arrays = cast("Mapping[str, npt.ArrayLike]", models)
        result = _compare_arrays(arrays, targets, classes, settings)
    else:
        result = _compare_runs(_named(models, classes), common, settings, listener)
    if out is None:
        return result
    from headstart.workflows.compare_output import write_comparison

    with listener.wait("writing the page"):
        page = write_comparison(result, Path(out), data=data, cache=cache)
    return replace(result, page=page)


def _compare_arrays(
    answers: Mapping[str, npt.ArrayLike],
    targets: npt.ArrayLike,
    classes: Sequence[str] | None,
    settings: Mapping[str, Any],
) -> CompareResult:
    if not isinstance(answers, Mapping):
        raise ConfigError("arrays are compared by name: compare({'a': …, 'b': …}, targets)")
    named = _class_names(answers, targets) if classes is None else tuple(map(str, classes))
    return CompareResult(hold_contest(answers, targets, classes=named, **settings))


def _class_names(answers: Mapping[str, npt.ArrayLike], targets: npt.ArrayLike) -> tuple[str, ...]:
    """Return the classes that arrays speak of."""
    given = [np.asarray(targets), *map(np.asarray, answers.values())]
    widths = {array.shape[1] for array in given if array.ndim == 2}
    words = [array for array in given if array.dtype.kind in "UO"]
    if not words:
        most = max(int(array.max(initial=0)) + 1 for array in given if array.ndim == 1)
        return tuple(map(str, range(max(widths, default=most))))
    if widths:
        raise ValueError("classes are not given: expected their names, in the columns' order")
    return tuple(sorted({str(name) for array in words for name in array.ravel()}))


def _named(models: Compared, classes: object) -> dict[str, Path]:
    """Return name -> place; runs without names are called as their folders."""
    if classes is not None:
        raise ConfigError("classes are given without targets: expected targets, the true classes")
    if isinstance(models, str | PathLike):
        raise ConfigError(f"one run is nothing to compare: expected two or more, found {models}")
    if isinstance(models, Mapping):
        named = {str(name): place for name, place in models.items()}
        if any(not isinstance(place, str | PathLike) for place in named.values()):
            raise ConfigError("arrays need the true classes: compare({'a': …, 'b': …}, targets)")
        places = {name: Path(cast("Place", place)) for name, place in named.items()}
    else:
        places = _called_as_folders([Path(place) for place in models])
    if len(places) < 2:
        raise ConfigError(f"expected two or more runs to compare, found {len(places)}")
    return places


def _called_as_folders(places: Sequence[Path]) -> dict[str, Path]:
    """Name runs by the least of their paths' ends that tells them apart.

    >>> list(_called_as_folders([Path("a/one"), Path("b/one"), Path("b/two")]))
    ['a/one', 'b/one', 'b/two']
    """
    unique = list(dict.fromkeys(place.absolute() for place in places))
    if len(unique) < len(places):
        raise ConfigError("a run is named twice: expected different ones to compare")
    most = max((len(place.parts) for place in unique), default=1)
    for depth in range(1, most + 1):
        names = ["/".join(place.parts[-depth:]) for place in unique]
        if len(set(names)) == len(names):
            return dict(zip(names, places, strict=True))
    raise AssertionError("different paths have different names")


def _compare_runs(
    places: Mapping[str, Path], common: bool, settings: Mapping[str, Any], progress: Progress
) -> CompareResult:
    runs = {
        name: read_answers(places[name])
        for name in progress.track(places, total=len(places), task="reading", unit="runs")
    }
    matched = match_answers(runs, common=common)
    classes = _all_classes(runs.values())
    aligned = {
        name: _aligned(run, rows, classes)
        for (name, run), rows in zip(runs.items(), matched.rows, strict=True)
    }
    first, rows = next(iter(runs.values())), matched.rows[0].tolist()
    with progress.wait("comparing"):
        try:
            targets = [first.labels[row] for row in rows]
            contest = hold_contest(aligned, targets, classes=classes, **settings)
        except ValueError as error:
            raise DataError(str(error)) from error
    return CompareResult(
        contest,
        images=tuple(first.paths[row] for row in rows),
        digests=None if first.digests is None else tuple(first.digests[row] for row in rows),
        places={name: str(place) for name, place in places.items()},
        notes=(*matched.notes, *_class_notes(runs, classes)),
    )


def _all_classes(runs: Iterable[StoredAnswers]) -> tuple[str, ...]:
    """Return the first run's classes, and whatever any other speaks of after them."""
    names: dict[str, None] = {}
    for run in runs:
        names.update(dict.fromkeys(run.classes))
        names.update(dict.fromkeys(sorted({*run.labels, *run.said})))
    return tuple(names)


def _aligned(
    run: StoredAnswers, rows: npt.NDArray[np.int64], classes: Sequence[str]
) -> npt.NDArray[Any]:
    """Return answers to these rows: probabilities in the order of all classes, or names."""
    if run.probabilities is None:
        return np.array(run.said, dtype=object)[rows]
    spread = np.zeros((len(rows), len(classes)))
    spread[:, [classes.index(name) for name in run.classes]] = run.probabilities[rows]
    return spread


def _class_notes(runs: Mapping[str, StoredAnswers], classes: Sequence[str]) -> list[str]:
    notes = []
    for name, run in runs.items():
        if run.probabilities is None:
            notes.append(f"{name} gives no probabilities: it is compared by its answers alone")
        elif len(run.classes) < len(classes):
            unknown = [it for it in classes if it not in run.classes]
            notes.append(f"{name} does not know {', '.join(unknown[:5])}: counted as probability 0")
    return notes
