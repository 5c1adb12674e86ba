"""The pictures of a report: read, checked to be those that were judged, made small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from headstart.data.digest import content_digest
from headstart.data.manifest import Container, ImageData
from headstart.errors import DataError
from headstart.evaluation.counts import Ints
from headstart.parallel import cpu_count, ordered_map
from headstart.reporting import Example, Suspect, TestImage, examples_per_class, make_thumbnail
from headstart.reporting.gallery import gallery_rows, surest_errors
from headstart.workflows.stored_answers import StoredAnswers

SIZE_PX: Final = 160
_QUALITY: Final = 72
_ALL_BYTES: Final = 2_700_000
"""Of all test images; a third more as text."""
_MOST_BYTES: Final = 9_000
_ERRORS: Final = 24
_TOP: Final = 3
_SUSPECTS: Final = 24


@dataclass(frozen=True)
class PictureSource:
    """Where images are read.

    Attributes:
        container: What holds them.
        max_pixels: Limit on width x height.
    """

    container: Container
    max_pixels: int

    def read(self, path: str, digest: str | None = None) -> ImageData | None:
        """Return an image; ``None`` where it is gone, or not the one of that digest."""
        try:
            content = self.container.read(path)
        except DataError:
            return None
        return content if digest is None or content_digest(content) == digest else None

    def thumbnails(self, wanted: Sequence[tuple[str, str | None]]) -> list[bytes | None]:
        """Return a small JPEG of each path with its digest; ``None`` as in :meth:`read`."""
        most = min(_MOST_BYTES, _ALL_BYTES // max(1, len(wanted)))

        def make(one: tuple[str, str | None]) -> bytes | None:
            content = self.read(*one)
            if content is None:
                return None
            try:
                return make_thumbnail(
                    content,
                    size_px=SIZE_PX,
                    quality=_QUALITY,
                    most_bytes=most,
                    max_pixels=self.max_pixels,
                )
            except DataError:
                return None

        return list(ordered_map(make, wanted, threads=cpu_count(), lookahead=16))


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that is doubted.

    Attributes:
        path: The image's name inside the source.
        split: Where it is.
        given: Its label.
        suggested: The class that it seems to be of.
        probability: Calibrated probability of that class, 0 to 1.
        reason: Why, in a few words, if there is more to say.
    """

    path: str
    split: str
    given: str
    suggested: str
    probability: float
    reason: str = ""


@dataclass(frozen=True)
class Pictures:
    """What is shown of the test images.

    Attributes:
        images: For the galleries.
        errors: The most confident ones.
        missing: How many of those wanted are gone or changed.
    """

    images: tuple[TestImage, ...]
    errors: tuple[Example, ...]
    missing: int = 0


def take_pictures(answers: StoredAnswers, source: PictureSource) -> Pictures:
    """Return the pictures of a run's test images.

    Args:
        answers: What was said of each; with probabilities.
        source: Where they are.
    """
    probabilities = answers.probabilities
    assert probabilities is not None
    targets, said = answers.label_places(), answers.said_places()
    confidence = probabilities[np.arange(len(said)), said]
    worst = surest_errors(targets, said, confidence, most=_ERRORS)
    rows = np.union1d(gallery_rows(targets, said, confidence), worst).tolist()
    found = source.thumbnails([_wanted(answers, row) for row in rows])
    top = (-probabilities[rows]).argsort(axis=1, kind="stable")[:, :_TOP]
    images = {
        row: TestImage(
            row=row,
            path=answers.paths[row],
            label=int(targets[row]),
            predicted=int(said[row]),
            top=_shares(probabilities[row], int(said[row]), best),
            thumbnail=thumbnail,
        )
        for row, best, thumbnail in zip(rows, top, found, strict=True)
        if thumbnail is not None
    }
    errors = [_error(images[row], answers) for row in worst.tolist() if row in images]
    return Pictures(tuple(images.values()), tuple(errors), len(rows) - len(images))


def take_samples(
    rows: Mapping[str, Sequence[str]], source: PictureSource
) -> dict[str, tuple[Example, ...]]:
    """Return a few pictures of each class, from all over it.

    Args:
        rows: Class -> the paths of its images.
        source: Where they are.
    """
    each = examples_per_class(len(rows))
    chosen = {name: _spread(paths, each) for name, paths in rows.items()}
    flat = [(name, path) for name, paths in chosen.items() for path in paths]
    found = source.thumbnails([(path, None) for _, path in flat])
    samples: dict[str, list[Example]] = {name: [] for name in rows}
    for (name, path), thumbnail in zip(flat, found, strict=True):
        if thumbnail is not None:
            samples[name].append(Example(path, name, "", 0.0, thumbnail))
    return {name: tuple(examples) for name, examples in samples.items() if examples}


def take_suspects(doubts: Sequence[Doubt], source: PictureSource) -> tuple[Suspect, ...]:
    """Return the pictures of the first images whose label is doubted.

    Args:
        doubts: The most doubtful first.
        source: Where they are.
    """
    shown = doubts[:_SUSPECTS]
    found = source.thumbnails([(doubt.path, None) for doubt in shown])
    return tuple(
        Suspect(
            Example(it.path, it.given, it.suggested, it.probability, thumbnail),
            split=it.split,
            reason=it.reason,
        )
        for it, thumbnail in zip(shown, found, strict=True)
        if thumbnail is not None
    )


def _spread(paths: Sequence[str], count: int) -> list[str]:
    places = np.linspace(0, len(paths) - 1, min(count, len(paths)), dtype=int)
    return [paths[place] for place in places]


def _wanted(answers: StoredAnswers, row: int) -> tuple[str, str | None]:
    return answers.paths[row], answers.digests[row] if answers.digests else None


def _shares(
    probabilities: np.ndarray[tuple[int], np.dtype[np.float64]], said: int, top: Ints
) -> tuple[tuple[int, float], ...]:
    """Return the most probable classes, the one that was said first even in a tie."""
    order = [said, *(place for place in top.tolist() if place != said)][:_TOP]
    return tuple((place, float(probabilities[place])) for place in order)


def _error(image: TestImage, answers: StoredAnswers) -> Example:
    return Example(
        path=image.path,
        label=answers.classes[image.label],
        predicted=answers.classes[image.predicted],
        confidence=image.top[0][1],
        thumbnail=image.thumbnail,
        row=image.row,
    )
