"""A comparison in lines of at most 100 characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from headstart.evaluation import verdicts
from headstart.evaluation.contest import Standing
from headstart.evaluation.pairs import Pair
from headstart.workflows.compare_result import CompareResult

WIDTH: Final = 100
_NAME, _PAIRS, _CLASSES = 30, 15, 3


def compare_lines(result: CompareResult) -> Iterator[str]:
    """Yield what a comparison found, for the terminal."""
    level = f"{100 * result.contest.confidence:g} %"
    yield f"{result.n:,} test images, the same for all; value [{level} interval]"
    yield ""
    yield f"   {'model':<{_NAME}}{'accuracy, %':<21}{'macro F1, %':<21}{'NLL':>7}{'only right':>12}"
    for standing in result.standings:
        yield _standing(standing, result)
    yield ""
    yield from _wrapped(verdicts.sentence(result.headline))
    if len(result.pairs) == 1:
        for sentence in verdicts.told(result.contest):
            yield from _wrapped(f"  {sentence}")
        yield from _alone(result.pairs[0])
    else:
        yield from _pairs(result)
    for note in result.notes:
        yield from _wrapped(f"note: {note}")


def _standing(it: Standing, result: CompareResult) -> str:
    tied = sum(other.place == it.place for other in result.standings) > 1
    nll = "-" if it.nll is None else f"{it.nll:.3f}"
    return (
        f"{it.place}{'=' if tied else '':<2}".ljust(3)
        + f"{cut(it.name, _NAME - 1):<{_NAME}}{_interval(it.accuracy):<21}"
        + f"{_interval(it.f1_macro):<21}{nll:>7}{it.only:>12,}"
    )


def _alone(pair: Pair) -> Iterator[str]:
    """Yield what else there is to say on two."""
    f1 = pair.f1_macro
    yield from _wrapped(
        f"  macro F1 {100 * f1.value:+.1f} points [{100 * f1.low:+.1f}, {100 * f1.high:+.1f}]; "
        f"same answer to {pair.agreement.share.value:.1%} of the images "
        f"(kappa {pair.agreement.kappa:.2f}); both right {pair.both_right:,}, "
        f"both wrong {pair.both_wrong:,}"
    )
    yield from _classes(pair)


def _classes(pair: Pair) -> Iterator[str]:
    """Yield the classes on which the two differ most surely."""
    told = [it for it in pair.classes if it.only_first + it.only_second]
    told.sort(key=lambda it: (it.p_value, -abs(it.recall.value)))
    for it in told[:_CLASSES]:
        low, high = 100 * it.recall.low, 100 * it.recall.high
        yield (
            f"  {cut(it.name, 24):<24} recall {100 * it.recall.value:+6.1f} points "
            f"[{low:+.1f}, {high:+.1f}] of {it.support:,}, p {verdicts.p_text(it.p_value)}"
        )


def _pairs(result: CompareResult) -> Iterator[str]:
    yield ""
    yield f"   {'first less second':<40}{'accuracy, points':<23}{'p':>7}{'only':>11}{'kappa':>8}"
    for pair in result.pairs[:_PAIRS]:
        names = f"{cut(pair.first, 18)} - {cut(pair.second, 18)}"
        gap = pair.accuracy
        interval = f"{100 * gap.value:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
        only = f"{pair.test.only_first:,}:{pair.test.only_second:,}"
        chance = verdicts.p_text(pair.p_value).removeprefix("= ").replace("< ", "<")
        yield (
            f" {'*' if pair.differs else ' '} {names:<40}{interval:<23}{chance:>7}{only:>11}"
            f"{pair.agreement.kappa:>8.2f}"
        )
    if len(result.pairs) > _PAIRS:
        yield f"   and {len(result.pairs) - _PAIRS} more pairs: see --csv, --json or --out"
    yield from _wrapped(_LEGEND.format(tests=len(result.pairs)))


_LEGEND: Final = (
    "*: a difference is shown. p: how often two equally good models would differ as much "
    "(McNemar's exact test, Holm over {tests} pairs). only: images that one alone of the two got "
    "right. Not shown is not the same as equal: these images may be too few to tell."
)


def _interval(estimate: object) -> str:
    value, low, high = (100 * getattr(estimate, end) for end in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def cut(text: str, width: int) -> str:
    """Shorten a name from its left, where paths differ least."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= width else "…" + shown[len(shown) - width + 1 :]


def _wrapped(text: str) -> list[str]:
    indent = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent + "  ", break_on_hyphens=False)
