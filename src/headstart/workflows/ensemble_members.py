"""Runs that are to be joined: read, and refused where they do not belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.bundle import Bundle, load_bundle
from headstart.errors import ConfigError, DataError, listed
from headstart.evaluation.counts import Floats, Ints
from headstart.export.views import View
from headstart.workflows.matching import match_answers
from headstart.workflows.run_facts import read_splits
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import PREDICTIONS, VALIDATION, StoredRun, read_run


@dataclass(frozen=True)
class JoinedAnswers:
    """What several classifiers said of the same N images.

    Attributes:
        paths: Of the images.
        labels: What each is.
        digests: Of each one's content; empty texts where that was not recorded.
        targets: True classes, shape (N,).
        answers: Probabilities before any decision, shape (M, N, K).
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    digests: tuple[str, ...]
    targets: Ints
    answers: Floats


@dataclass(frozen=True)
class Members:
    """Runs that can be joined.

    Attributes:
        runs: What their files say.
        bundles: Their models, verified.
        held_out: Answers on the images that all of them answered while held out.
        test: Answers on the locked test split.
        views: How each looks at its squares, where that is what tells them apart.
    """

    runs: tuple[StoredRun, ...]
    bundles: tuple[Bundle, ...]
    held_out: JoinedAnswers
    test: JoinedAnswers
    views: tuple[View | None, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The runs' folders, told apart; or the views."""
        if self.views:
            return tuple(view.name if view else "plain" for view in self.views)
        counts = Counter(run.name for run in self.runs)
        return tuple(run.name if counts[run.name] == 1 else str(run.folder) for run in self.runs)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""
        return self.bundles[0].info.classes


def read_members(folders: Sequence[str | Path]) -> Members:
    """Read runs that are to be joined.

    Args:
        folders: What ``headstart train`` wrote, two or more.

    Raises:
        ConfigError: There are fewer than two, or one is there twice.
        DataError: They have other classes, splits or ways to see an image, or answers
            are missing.
        BundleError: A bundle cannot be used.
    """
    places = [Path(folder) for folder in folders]
    _refuse_few(places)
    runs = tuple(read_run(place) for place in places)
    bundles = tuple(load_bundle(place) for place in places)
    _refuse_other_classes(runs, bundles)
    _refuse_other_splits(runs)
    _refuse_other_views(runs, bundles)
    return Members(
        runs,
        bundles,
        held_out=_joined(runs, bundles, VALIDATION),
        test=_joined(runs, bundles, PREDICTIONS),
    )


def _refuse_few(places: Sequence[Path]) -> None:
    if len(places) < 2:
        raise ConfigError(f"there is nothing to join: {len(places)} run is given, expected two")
    counts = Counter(place.resolve() for place in places)
    twice = [str(place) for place, count in counts.items() if count > 1]
    if twice:
        raise ConfigError(f"{listed(twice)} is given twice: name every run once")


def _refuse_other_classes(runs: Sequence[StoredRun], bundles: Sequence[Bundle]) -> None:
    first = bundles[0].info.classes
    for run, bundle in zip(runs, bundles, strict=True):
        if bundle.info.classes != first:
            other = sorted(set(first) ^ set(bundle.info.classes))
            raise DataError(
                f"{run.folder} does not have the classes of {runs[0].folder}: only one of them "
                f"has {listed(other)}; runs over the same data can be joined"
            )


def _refuse_other_splits(runs: Sequence[StoredRun]) -> None:
    """Refuse runs of which one may have learned from another's held-out images."""
    first = read_splits(runs[0].folder)
    for run in runs[1:]:
        own = read_splits(run.folder)
        moved = sorted(p for p in first.keys() | own.keys() if first.get(p) != own.get(p))
        if moved:
            path = moved[0]
            raise DataError(
                f"{run.folder} does not have the splits of {runs[0].folder}: {len(moved):,} "
                f"images differ, such as {path} ({_placed(first, path)} there, "
                f"{_placed(own, path)} here); train with the same data, data.val, "
                "data.test and seed"
            )


def _placed(splits: Mapping[str, tuple[str, str]], path: str) -> str:
    return " as ".join(splits.get(path, ("absent",)))


def _refuse_other_views(runs: Sequence[StoredRun], bundles: Sequence[Bundle]) -> None:
    """Refuse runs that make squares of an image in other ways than by their size."""
    first = bundles[0].info.geometry.model_dump()
    for run, bundle in zip(runs, bundles, strict=True):
        own = bundle.info.geometry.model_dump()
        other = [name for name in _LOOKED_AT[own["mode"]] if own[name] != first[name]]
        if other:
            name = other[0]
            raise DataError(
                f"{run.folder} sees images otherwise than {runs[0].folder}: {name} is "
                f"{own[name]} here, {first[name]} there; train both with one, such as --set "
                f"data.{_SETTINGS.get(name, name)}={first[name]}"
            )


_LOOKED_AT = {
    "squash": ("mode", "interpolation"),
    "crop": ("mode", "interpolation", "crop_fraction"),
    "pad": ("mode", "interpolation", "fill"),
}
_SETTINGS = {"mode": "geometry"}


def _joined(runs: Sequence[StoredRun], bundles: Sequence[Bundle], file: str) -> JoinedAnswers:
    """Join the rows of a file of each run's; test rows must be the same in all."""
    found = {str(run.folder): _answers(run, file) for run in runs}
    try:
        matched = match_answers(found, common=file == VALIDATION)
    except DataError as error:
        raise DataError(f"{file} of these runs: {error}") from error
    first, rows = next(iter(found.values())), matched.rows[0].tolist()
    digests = first.digests or ("",) * len(first)
    return JoinedAnswers(
        paths=tuple(first.paths[row] for row in rows),
        labels=tuple(first.labels[row] for row in rows),
        digests=tuple(digests[row] for row in rows),
        targets=_places(first, bundles[0])[matched.rows[0]],
        answers=np.stack(
            [
                _plain(answers, bundle, file)[own]
                for answers, bundle, own in zip(found.values(), bundles, matched.rows, strict=True)
            ]
        ),
    )


def _answers(run: StoredRun, file: str) -> StoredAnswers:
    path = run.folder / file
    if not path.is_file():
        raise DataError(
            f"{run.folder} has no {file}, the answers that runs are joined by: train it again"
        )
    return read_answers(path)


def _places(answers: StoredAnswers, bundle: Bundle) -> Ints:
    place = {name: number for number, name in enumerate(bundle.info.classes)}
    return np.array([place[name] for name in answers.labels], np.int64)


def _plain(answers: StoredAnswers, bundle: Bundle, file: str) -> Floats:
    """Return probabilities in the bundle's order of classes, before any decision."""
    classes = bundle.info.classes
    if answers.probabilities is None or set(answers.classes) != set(classes):
        raise DataError(f"{answers.file} has no probability of each class of the bundle")
    shares = answers.probabilities[:, [answers.classes.index(name) for name in classes]]
    return shares if file == VALIDATION else bundle.info.rule().undone(shares)
