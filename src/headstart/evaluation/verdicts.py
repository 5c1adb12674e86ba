"""What a comparison says, in words for whoever has never heard of a p-value."""

from __future__ import annotations

from headstart.errors import listed
from headstart.evaluation.contest import Contest
from headstart.evaluation.intervals import Estimate
from headstart.evaluation.pairs import Pair

_FAR = 100
"""Needing more than so many times the images that there are is only called hopeless."""


def headline(contest: Contest) -> str:
    """Say who is best, in a sentence."""
    leaders = [standing.name for standing in contest.leaders]
    if len(leaders) == len(contest.standings):
        return f"no difference that {contest.n:,} images could show" + _chance_of_two(contest)
    if len(leaders) == 1:
        others = "the other" if len(contest.standings) == 2 else "every other one"
        return f"{leaders[0]} is the best: more often right than {others}, beyond chance"
    return (
        f"{listed(leaders[:-1], limit=4)} and {leaders[-1]} share the first place: "
        f"{contest.n:,} images cannot tell them apart"
        if len(leaders) <= 5
        else f"{len(leaders)} share the first place: {contest.n:,} images cannot tell them apart"
    )


def verdict(pair: Pair) -> str:
    """Say which of two is better and how sure that is, in a sentence."""
    chance = f"p {p_text(pair.p_value)}"
    if pair.differs:
        better, worse = _ordered(pair)
        gap = abs(pair.test.only_first - pair.test.only_second)
        return (
            f"{better} is better than {worse}: it got {gap:,} more of {pair.n:,} images right "
            f"({points(pair.accuracy)}; {chance})"
        )
    if pair.agreement.share.value == 1:
        return f"{pair.first} and {pair.second} say the same of every one of {pair.n:,} images"
    return f"no difference that {pair.n:,} images could show ({chance}): {tally(pair)}"


def tally(pair: Pair) -> str:
    """Say on how many images only one of two is right."""
    return (
        f"{pair.test.only_first:,} only {pair.first} got right, "
        f"{pair.test.only_second:,} only {pair.second}"
    )


def told(contest: Contest) -> list[str]:
    """Say what follows the headline: the two foremost, and what could have been shown."""
    pair = contest.pair(contest.standings[0].name, contest.standings[1].name)
    alone = len(contest.pairs) == 1 and not pair.differs and pair.agreement.share.value < 1
    first = f"{tally(pair)}, of {pair.n:,} images" if alone else verdict(pair)
    return [text for text in (first, reach(pair), probabilities_verdict(pair)) if text]


def reach(pair: Pair) -> str:
    """Say what size of difference these images could have shown, or none if one was shown."""
    if pair.differs:
        return ""
    if pair.detectable is None:
        return f"{pair.n:,} images are too few to show any difference"
    text = (
        f"these {pair.n:,} images would likely have shown a true difference of "
        f"{100 * pair.detectable:.1f} points or more (four times of five)"
    )
    if pair.needed is None:
        return text
    seen = f"one as small as the {100 * abs(pair.accuracy.value):.1f} points seen here"
    if pair.needed > _FAR * pair.n:
        return f"{text}; {seen} would take more than {_FAR * pair.n:,}"
    return f"{text}; {seen} would take about {rounded(pair.needed):,}"


def probabilities_verdict(pair: Pair) -> str:
    """Say whose probabilities are better, or nothing where one has none."""
    if pair.nll is None:
        return ""
    figures = f"NLL {pair.nll.value:+.3f} [{pair.nll.low:+.3f}, {pair.nll.high:+.3f}]"
    if pair.nll.low <= 0 <= pair.nll.high:
        return f"no difference shown in the quality of their probabilities ({figures})"
    better = pair.first if pair.nll.high < 0 else pair.second
    return f"{better} gives the better probabilities ({figures})"


def sentence(text: str) -> str:
    """Make a sentence of a verdict; a model's name at its beginning stays as it is.

    >>> sentence("no difference shown"), sentence("lite2 is the best")
    ('No difference shown.', 'lite2 is the best.')
    """
    ours = text.startswith(("no difference", "these ")) or text[:1].isdigit()
    return f"{text[0].upper() if ours else text[0]}{text[1:]}."


def p_text(p_value: float) -> str:
    """Write a p-value with its sign, as it is written after ``p``.

    >>> p_text(0.3812), p_text(0.0431), p_text(0.00001), p_text(1.0)
    ('= .38', '= .043', '< .001', '= 1')
    """
    if p_value < 0.001:
        return "< .001"
    digits = 2 if p_value >= 0.0995 else 3
    shown = f"{p_value:.{digits}f}"
    return "= 1" if float(shown) >= 1 else f"= {shown.removeprefix('0')}"


def points(difference: Estimate) -> str:
    """Write a difference of shares in points, whichever way round it is.

    >>> points(Estimate(-0.052, -0.081, -0.023))
    '5.2 points [2.3, 8.1]'
    """
    sign = -1 if difference.value < 0 else 1
    low, high = sorted((sign * difference.low, sign * difference.high))
    return f"{100 * abs(difference.value):.1f} points [{100 * low:.1f}, {100 * high:.1f}]"


def rounded(number: int) -> int:
    """Round to two digits: no estimate of a sample size is better than that.

    >>> rounded(8437), rounded(52)
    (8400, 52)
    """
    return int(float(f"{number:.1e}"))


def _ordered(pair: Pair) -> tuple[str, str]:
    ahead = pair.test.only_first >= pair.test.only_second
    return (pair.first, pair.second) if ahead else (pair.second, pair.first)


def _chance_of_two(contest: Contest) -> str:
    if len(contest.pairs) == 1:
        return f" (p {p_text(contest.pairs[0].p_value)})"
    return f" among these {len(contest.standings)}"
