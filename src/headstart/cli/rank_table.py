"""A ranking in lines of at most 100 characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from headstart.reporting.words import shortened
from headstart.selection.ranking import RankedBackbone, RankResult

WIDTH: Final = 100
_NAME: Final = 23
_HEADER: Final = (
    f"   {'backbone':<{_NAME}}{'linear, 95 %':<18}{'p':>6}{'kNN':>6}{'LogME':>7}{'H-score':>8}"
    f"{'top-1':>7}{'ms':>6}{'weights':>8}{'bundle':>8}"
)


def rank_lines(result: RankResult) -> Iterator[str]:
    """Yield what a ranking found, for the terminal."""
    yield (
        f"{shortened(result.source, 40)}: {result.sampled:,} of {result.images:,} images, "
        f"{result.classes:,} classes, the largest {result.base:.1%}"
    )
    yield ""
    yield _HEADER
    for backbone in result.ranked:
        yield _row(backbone, tied=result.tied > 1)
    for failed in result.failed:
        name = f"-  {shortened(failed.name, _NAME - 1):<{_NAME}}"
        yield from _wrapped(f"left out: {failed.reason}", first=name, indent=len(name))
    yield ""
    yield from _wrapped(_LEGEND.format(engine=result.engine))
    yield from _wrapped(f"take {result.choice.name}. {result.why}")
    for note in result.notes:
        yield from _wrapped(f"note: {note}")


_LEGEND: Final = (
    "linear, kNN: cross-validated accuracy, %. p: chance of being as far behind the leader "
    "(McNemar, Holm); 1=: these images cannot tell it from the leader. H-score: shrunk. top-1: "
    "published, ImageNet. ms: an image here, decoding included ({engine}). bundle: an estimate."
)


def _row(it: RankedBackbone, *, tied: bool) -> str:
    place = f"{it.rank}{'=' if it.rank == 1 and tied else ''}"
    linear = it.scores.linear
    interval = f"{100 * linear.value:.1f} [{100 * linear.low:.1f}, {100 * linear.high:.1f}]"
    chance = "" if it.against_leader is None else _chance(it.p_value)
    top1 = "-" if it.published_top1 is None else f"{it.published_top1:.1f}"
    return (
        f"{place:<3}{shortened(it.name, _NAME - 1):<{_NAME}}{interval:<18}{chance:>6}"
        f"{100 * it.scores.knn.value:>6.1f}{it.scores.log_evidence:>7.3f}"
        f"{it.scores.shrunk_h_score:>8.3f}{top1:>7}{1000 * it.cost.seconds_an_image:>6.1f}"
        f"{it.cost.parameters / 1e6:>6.1f} M{it.cost.bundle_bytes / 1e6:>5.0f} MB"
    )


def _chance(p_value: float) -> str:
    return "<.001" if p_value < 0.0005 else f"{p_value:.3f}"


def _wrapped(text: str, *, first: str = "", indent: int = 2) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent)
