"""A learning curve in lines of at most 100 characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from headstart.evaluation.intervals import Estimate
from headstart.reporting.words import shortened
from headstart.selection.curve_result import ClassGrowth, LearningCurve
from headstart.selection.curve_words import details, headline

WIDTH: Final = 100
_NAME: Final = 30
_CLASSES: Final = 20


def curve_lines(curve: LearningCurve) -> Iterator[str]:
    """Yield what a learning curve shows, for the terminal."""
    yield from _wrapped(
        f"{shortened(curve.source, 40)}: {curve.images:,} training and validation images, "
        f"{curve.head} on {curve.backbone}"
    )
    yield ""
    yield f"{'training images':>16}   {'accuracy, % [95 %]':<22}{'heads':>6}{'judged on':>11}"
    for it in curve.points:
        yield f"{it.images:>16,.0f}   {_interval(it.accuracy):<22}{it.draws:>6}{it.judged:>11,}"
    for images, accuracy in ((curve.images, curve.now), (2 * curve.images, curve.doubled)):
        if accuracy is not None:
            yield f"{images:>16,}   {_interval(accuracy):<22}{'expected':>17}"
    yield ""
    for sentence in (headline(curve), *details(curve)):
        yield from _wrapped(sentence)
    yield from _classes(curve)
    for note in curve.notes:
        yield from _wrapped(f"note: {note}")


def _classes(curve: LearningCurve) -> Iterator[str]:
    fewer, more = curve.points[curve.half].images, curve.points[-1].images
    yield ""
    yield (
        f"{'class':<{_NAME}}{'images':>7}  {f'recall with {fewer:,.0f}':<22}"
        f"{f'with {more:,.0f}':<21}{'gain':>8}{'p':>8}"
    )
    ordered = sorted(curve.classes, key=lambda it: -it.gain.value)
    yield from map(_class, ordered[:_CLASSES])
    if len(ordered) > _CLASSES:
        yield f"and {len(ordered) - _CLASSES:,} more: --csv, --json or --out DIR has them all"
    yield ""


def _class(it: ClassGrowth) -> str:
    chance = "<.001" if it.p_value < 0.0005 else f"{it.p_value:.3f}"
    return (
        f"{shortened(it.name, _NAME - 1):<{_NAME}}{it.images:>7,}  {_interval(it.fewer):<22}"
        f"{_interval(it.all):<21}{100 * it.gain.value:>+8.1f}{chance:>8}"
    )


def _interval(it: Estimate) -> str:
    return f"{100 * it.value:.1f} [{100 * it.low:.1f}, {100 * it.high:.1f}]"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
