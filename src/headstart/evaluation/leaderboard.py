"""A leaderboard: runs on one data set, in order, with what each of them cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from headstart.errors import listed
from headstart.evaluation.comparison import holm, mcnemar
from headstart.evaluation.counts import Bools
from headstart.evaluation.intervals import Estimate

FROZEN: Final = "probe"
"""The strategy that leaves the network as it is."""

ON_TEST: Final = (
    "places are by the test images: a report of what was tried. Who picks the winner by them picks "
    "its luck, too, so that its figure is optimistic; to choose, go by validation"
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finished run.

    Attributes:
        name: Of the run.
        model: The backbone, as it was called.
        head: The classifier on top, and what else was varied.
        strategy: What was trained: ``probe`` is the head alone.
        fine_tuned: Whether the network that is deployed was fine-tuned: a strategy may
            have tried that and lost against the head.
        native_px: Side of the square that the network was pretrained on.
        input_px: Side of the square that it was given here.
        source_px: Median width and height of the images.
        learning_rate: Of each phase, or of the head's training; empty where there is none.
        epochs: At most, likewise.
        batch_size: Likewise.
        accuracy: On the test images.
        f1_weighted: Likewise.
        f1_macro: Likewise.
        validation: Accuracy on images that were held out from training.
        validation_n: How many these are.
        seconds: What the run takes alone, with what it shares with others.
        seconds_here: What it took beside them.
        images_per_s: Forward passes, decoding included, where they were timed.
        parameters: Of the network, its own classifier included.
        bundle_bytes: What is to be deployed.
        reported: What a recipe's source reports of it, on its own data.
        folder: The run's.
        place: 1 and how many runs are shown to be better on the same test images;
            ``None`` where no other run has the same ones.
        is_tied: Whether another run shares the place.
    """

    name: str
    model: str
    head: str
    strategy: str
    fine_tuned: bool
    native_px: int | None
    input_px: int | None
    source_px: tuple[int, int] | None
    learning_rate: str
    epochs: str
    batch_size: str
    accuracy: Estimate
    f1_weighted: Estimate
    f1_macro: Estimate
    validation: Estimate | None
    validation_n: int
    seconds: float
    seconds_here: float
    images_per_s: float | None
    parameters: int | None
    bundle_bytes: int | None
    reported: str
    folder: str
    place: int | None = None
    is_tied: bool = False

    @property
    def trained(self) -> str:
        """Head and strategy in a few words."""
        if self.strategy == FROZEN:
            return self.head
        return f"{self.head}, {self.strategy}" + ("" if self.fine_tuned else " (head kept)")

    @property
    def rank(self) -> str:
        """The place as it is written: ``"1="`` where it is shared."""
        return "–" if self.place is None else f"{self.place}{'=' if self.is_tied else ''}"


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A run that came to nothing.

    Attributes:
        name: Of the run.
        model: The backbone, as it was called.
        trained: Head and strategy.
        reason: Why.
    """

    name: str
    model: str
    trained: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """Which run to take, by validation images alone.

    Attributes:
        name: Of the run.
        tied: The runs that validation cannot tell from the best, the best first.
        images: How many validation images decided; 0 where only totals were known.
    """

    name: str
    tied: tuple[str, ...]
    images: int


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """The runs on one data set.

    Attributes:
        data: Its name.
        source: Where it is.
        entries: Finished runs, the best first.
        failed: The others, in the order they were tried.
        test_images: How many test images the figures rest on; the most, where runs differ.
        headline: Who is best on the test images, in a sentence; empty where nothing is compared.
        choice: Whom validation would have one take.
        notes: What else is worth knowing.
        reason: Why nothing could be made of the data; empty where something could.
    """

    data: str
    source: str
    entries: tuple[Entry, ...]
    failed: tuple[FailedRun, ...] = ()
    test_images: int = 0
    headline: str = ""
    choice: Choice | None = None
    notes: tuple[str, ...] = ()
    reason: str = ""

    def entry(self, name: str) -> Entry:
        """Return a run by its name.

        Raises:
            KeyError: There is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    @property
    def front(self) -> frozenset[str]:
        """Names of the runs that no other beats in both accuracy and seconds."""
        chosen = pareto_front([(it.seconds, it.accuracy.value) for it in self.entries])
        return frozenset(self.entries[index].name for index in chosen)

    @property
    def advice(self) -> str:
        """Whom to take by validation, in a sentence; empty where that is not known."""
        if self.choice is None or len(self.entries) < 2:
            return ""
        taken = self.entry(self.choice.name)
        others = [name for name in self.choice.tied if name != taken.name]
        why = "show it to be right more often than any other run"
        if others:
            why = f"cannot tell it from {listed(others, limit=3)}, and it trains the quickest"
        return (
            f"Take {taken.name}, by validation: {self.choice.images:,} held-out images {why}. "
            f"Its test accuracy, {taken.accuracy}, was not used to choose it"
        )


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points no other beats in both, the cheapest first.

    Args:
        points: Cost (less is better) and value (more is better) of each.

    >>> pareto_front([(5.0, 0.9), (1.0, 0.8), (9.0, 0.85), (6.0, 0.9)])
    [1, 0]
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front


def tied_with_best(right: Mapping[str, Bools], *, alpha: float = 0.05) -> tuple[str, ...]:
    """Return the names that a paired test cannot tell from the one most often right.

    McNemar's exact test against the best, adjusted after Holm.

    Args:
        right: Name -> which of the same N images it got right, shape (N,).
        alpha: Below which p-value a difference counts as shown.

    Returns:
        The best first, the others by how often they are right.
    """
    order = sorted(right, key=lambda name: -int(right[name].sum()))
    best, others = order[0], order[1:]
    chances = holm([mcnemar(right[best], right[name]).p_value for name in others])
    kept = [name for name, chance in zip(others, chances, strict=True) if chance >= alpha]
    return (best, *kept)


def places(right: Mapping[str, Bools], *, alpha: float = 0.05) -> dict[str, int]:
    """Return each name's place: 1 and how many others a paired test shows to be better.

    McNemar's exact test of every two, adjusted after Holm: the places of ``hold_contest``,
    without its intervals.

    Args:
        right: Name -> which of the same N images it got right, shape (N,).
        alpha: Below which p-value a difference counts as shown.

    >>> import numpy as np
    >>> many = np.arange(100)
    >>> places({"a": many < 90, "b": many < 88, "c": many < 60})
    {'a': 1, 'b': 1, 'c': 3}
    """
    pairs = list(combinations(right, 2))
    tests = [mcnemar(right[one], right[other]) for one, other in pairs]
    found = dict.fromkeys(right, 1)
    chances = holm([test.p_value for test in tests])
    for pair, test, chance in zip(pairs, tests, chances, strict=True):
        if chance < alpha:
            found[pair[test.only_first > test.only_second]] += 1
    return found


@dataclass(frozen=True)
class StrategyRow:
    """One network under one head on one data set, strategy by strategy.

    Attributes:
        data: Name of the data set.
        model: The backbone.
        head: The classifier on top.
        input_px: Side of the square.
        entries: Strategy -> the run.
    """

    data: str
    model: str
    head: str
    input_px: int | None
    entries: Mapping[str, Entry]


def strategies_of(boards: Iterable[Leaderboard]) -> tuple[str, ...]:
    """Return the strategies that occur, the frozen network first."""
    found = dict.fromkeys(it.strategy for board in boards for it in board.entries)
    return tuple(sorted(found, key=lambda name: name != FROZEN))


def by_strategy(boards: Iterable[Leaderboard]) -> list[StrategyRow]:
    """Return a row for each data set, network, head and size, in the order of the boards."""
    rows: dict[tuple[str, str, str, int | None], dict[str, Entry]] = {}
    for board in boards:
        for it in board.entries:
            rows.setdefault((board.data, it.model, it.head, it.input_px), {})[it.strategy] = it
    return [StrategyRow(*key, entries) for key, entries in rows.items()]
