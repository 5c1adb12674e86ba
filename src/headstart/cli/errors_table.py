"""An error analysis in lines of at most 100 characters."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import Final

from headstart.evaluation.error_analysis import ErrorAnalysis, LabelCheck
from headstart.evaluation.left_out import WithoutClasses
from headstart.evaluation.slices import Slice
from headstart.evaluation.verdicts import p_text
from headstart.workflows.error_analysis import ErrorsResult

WIDTH: Final = 100
_CLASS, _PATH = 20, 44


def error_lines(result: ErrorsResult, *, most: int) -> Iterator[str]:
    """Yield what is to be said of a run's errors.

    Args:
        result: The analysis.
        most: How many lines a list has at most.
    """
    analysis = result.analysis
    if result.without is not None:
        yield from without_lines(result.without)
        yield (
            "  what follows is of these images, answered among the other classes "
            "(training labels: of all)"
        )
    else:
        wrong = len(analysis.confident)
        yield f"{analysis.n:,} images, {wrong:,} answered wrong: accuracy {result.accuracy}"
    yield from _classes(analysis, most)
    yield from _pairs(analysis, most)
    yield from _surest(analysis, most)
    yield from _slices(analysis)
    yield from _labels(analysis.labels, most, _TRAINING)
    yield from _labels(analysis.test_labels, most, _TEST)
    for note in result.notes:
        yield from _wrapped(f"note: {note}")


def without_lines(it: WithoutClasses) -> Iterator[str]:
    """Yield the figures without some classes, both ways."""
    renormalised = it.renormalised
    yield from _wrapped(
        f"without {', '.join(it.left_out)}: images left out {it.images:,}, "
        f"remaining {renormalised.n:,}"
    )
    yield (
        f"  answers as they are      accuracy {it.as_answered}, "
        f"{it.taken_for_left_out:,} taken for a class left out"
    )
    yield (
        f"  among the other classes  accuracy {renormalised.metrics['accuracy']}, "
        f"macro F1 {renormalised.metrics['f1_macro']}"
    )


def _classes(analysis: ErrorAnalysis, most: int) -> Iterator[str]:
    yield ""
    yield f"{'worst classes':<{_CLASS + 2}}{'F1':>6}  {'found':<32}of those called so, right"
    for it in analysis.worst_classes[:most]:
        hits = len(it.true_positives)
        called = hits + len(it.false_positives)
        yield (
            f"  {_cut(it.name, _CLASS - 1):<{_CLASS}}{it.f1.value:>6.3f}  "
            f"{f'{hits:,} of {it.support:,}':<14}{_interval(it.recall.low, it.recall.high):<18}"
            f"{f'{hits:,} of {called:,}':<14}{_interval(it.precision.low, it.precision.high)}"
        )


def _pairs(analysis: ErrorAnalysis, most: int) -> Iterator[str]:
    if not analysis.pairs:
        return
    yield ""
    yield f"{'most confused':<44}images  share of the true class"
    for it in analysis.pairs[:most]:
        pair = f"{_cut(it.true, 19)} -> {_cut(it.predicted, 19)}"
        yield f"  {pair:<42}{it.count:>6,}  {it.share} of {it.support:,}"
    if len(analysis.pairs) > most:
        yield f"  and {len(analysis.pairs) - most:,} more pairs"


def _surest(analysis: ErrorAnalysis, most: int) -> Iterator[str]:
    if not analysis.confident:
        return
    yield ""
    yield f"{'surest mistakes':<{_PATH + 2}}{'is':<{_CLASS}}{'taken for':<{_CLASS}}confidence"
    for row in analysis.confident[:most]:
        true = analysis.classes[analysis.targets[row]]
        said = analysis.classes[analysis.predicted[row]]
        yield (
            f"  {_cut(analysis.images[row], _PATH - 1):<{_PATH}}{_cut(true, _CLASS - 1):<{_CLASS}}"
            f"{_cut(said, _CLASS - 1):<{_CLASS}}{analysis.confidence[row]:>10.3f}"
        )


def _slices(analysis: ErrorAnalysis) -> Iterator[str]:
    if not analysis.slices:
        return
    yield ""
    yield f"   {'kinds of images':<49}images  {'accuracy':<22}others       p"
    for it in analysis.slices:
        yield _slice(it)
    if analysis.shown_slices:
        for it in analysis.shown_slices:
            yield from _wrapped(f"  {it.words}")
    else:
        yield f"  no kind is shown to be recognised less or more often than the others ({_TESTS})"


_TESTS: Final = "Fisher's exact test, Holm"


def _slice(it: Slice) -> str:
    chance = p_text(it.p_adjusted).removeprefix("= ").replace("< ", "<")
    kind = f"{it.trait}: {it.name}" + (f", {it.span}" if it.span else "")
    return (
        f" {'*' if it.differs else ' '} {kind:<49}{it.n:>6,}  {it.accuracy!s:<22}"
        f"{it.rest.value:.3f}{chance:>9}"
    )


_TRAINING: Final = "training and validation labels are worth a look (each judged while held out)"
_TEST: Final = "test labels are worth a look, by the classifier itself"


def _labels(check: LabelCheck, most: int, what: str) -> Iterator[str]:
    if not check.judged:
        return
    yield ""
    if not check.suspects:
        yield f"none of {check.judged:,} {what}"
        return
    yield f"{len(check.suspects):,} of {check.judged:,} {what}" + _expected(check)
    yield f"  {'':<{_PATH}}{'label':<{_CLASS}}{'seems to be':<{_CLASS}}quality"
    for it in check.suspects[:most]:
        yield (
            f"  {_cut(it.path, _PATH - 1):<{_PATH}}{_cut(it.given, _CLASS - 1):<{_CLASS}}"
            f"{_cut(it.suggested, _CLASS - 1):<{_CLASS}}{it.quality:>7.3f}"
        )
    if len(check.suspects) > most:
        yield f"  and {len(check.suspects) - most:,} more"


def _expected(check: LabelCheck) -> str:
    if math.isnan(check.expected):
        return ""
    return f": about {check.expected:.0f} expected to be wrong"


def _interval(low: float, high: float) -> str:
    return f"[{low:.3f}, {high:.3f}]"


def _cut(text: str, width: int) -> str:
    """Shorten a name from its left, where paths differ least."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= width else "…" + shown[len(shown) - width + 1 :]


def _wrapped(text: str) -> list[str]:
    indent = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent + "  ", break_on_hyphens=False)
