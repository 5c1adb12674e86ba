"""The page of a comparison: which model is better, how sure that is, on which images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headstart.evaluation import Estimate, verdicts
from headstart.evaluation.contest import Contest
from headstart.evaluation.counts import Ints
from headstart.reporting.html import environment, page_script

_EACH = 12
_GALLERIES = 8
_DETAILED = 6
_CLASSES = 60


@dataclass(frozen=True, kw_only=True)
class CompareContent:
    """One comparison, ready to be shown.

    Attributes:
        contest: Every figure.
        created: When it was made, ISO 8601.
        images: Name of each image; empty where they have none.
        thumbnails: Row -> JPEG bytes, for the images that are still there.
        notes: What is worth knowing.
    """

    contest: Contest
    created: str
    images: tuple[str, ...]
    thumbnails: Mapping[int, bytes]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """One image with what each model called it.

    Attributes:
        path: Its name.
        label: What it is.
        thumbnail: JPEG bytes, if it is still there.
        said: Model -> what it called the image, and whether that was right.
    """

    path: str
    label: str
    thumbnail: bytes | None
    said: Mapping[str, tuple[str, bool]]


@dataclass(frozen=True)
class Gallery:
    """Images of one kind.

    Attributes:
        title: Which kind.
        total: How many there are.
        pictures: Those that are shown.
    """

    title: str
    total: int
    pictures: tuple[Picture, ...]


def render_comparison(content: CompareContent) -> str:
    """Return the page as one self-contained HTML document.

    The same content gives the same text.
    """
    contest = content.contest
    return (
        environment()
        .get_template("compare.html")
        .render(
            content=content,
            contest=contest,
            headline=verdicts.sentence(verdicts.headline(contest)),
            told=[verdicts.sentence(text) for text in verdicts.told(contest)],
            galleries=[_gallery(content, it) for it in _kinds(contest)],
            detailed=contest.pairs[:_DETAILED],
            class_limit=_CLASSES,
            ticks=_Scale.of([pair.accuracy for pair in contest.pairs]),
            scale=_Scale.of,
            **page_script(),
        )
    )


def pictured_rows(contest: Contest) -> list[int]:
    """Return the rows of the images that the page shows."""
    return sorted({row for _, _, rows in _kinds(contest) for row in rows})


@dataclass(frozen=True)
class _Scale:
    """Differences on a line with zero in the middle.

    Attributes:
        most: What either end stands for.
    """

    most: float

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> _Scale:
        ends = [abs(end) for it in estimates for end in (it.low, it.high)]
        return cls(max([*ends, 1e-9]))

    def place(self, value: float) -> str:
        """Return where a value lies, in percent of the line."""
        return f"{50 + 50 * max(-1.0, min(1.0, value / self.most)):.1f}"


def _kinds(contest: Contest) -> list[tuple[str, int, list[int]]]:
    """Return title, number and shown rows of each gallery that has any image."""
    names = [standing.name for standing in contest.standings]
    kinds = [(f"Only {name} got these right", contest.only(name)) for name in names[:_GALLERIES]]
    nobody = np.flatnonzero(~np.any([contest.right(name) for name in names], axis=0))
    kinds.append((f"{'Neither' if len(names) == 2 else 'Nobody'} got these right", nobody))
    return [(title, len(rows), _spread(rows)) for title, rows in kinds if len(rows)]


def _spread(rows: Ints) -> list[int]:
    """Return some rows from all over, since neighbours are often of one class."""
    chosen = np.linspace(0, len(rows) - 1, min(_EACH, len(rows)), dtype=int)
    return [int(row) for row in rows[chosen]]


def _gallery(content: CompareContent, kind: tuple[str, int, list[int]]) -> Gallery:
    title, total, rows = kind
    return Gallery(title, total, tuple(_picture(content, row) for row in rows))


def _picture(content: CompareContent, row: int) -> Picture:
    contest = content.contest
    true = int(contest.targets[row])
    said = {it.name: int(contest.predictions[it.name][row]) for it in contest.standings}
    return Picture(
        path=content.images[row] if content.images else f"image {row}",
        label=contest.classes[true],
        thumbnail=content.thumbnails.get(row),
        said={name: (contest.classes[one], one == true) for name, one in said.items()},
    )
