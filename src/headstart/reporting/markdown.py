"""The report's tables as Markdown: for a pull request, a wiki, a diff of two runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from headstart.evaluation import Estimate
from headstart.reporting import glossary, summary, words
from headstart.reporting.content import Candidate, Example, ReportContent
from headstart.reporting.figures import LARGEST_MATRIX
from headstart.reporting.history import Epoch, judge_gap
from headstart.reporting.words import counted, flattened, percent, percent_interval, plain, seconds

_SPECIAL: Final = re.compile(r"([\\`*\[\]|~$@]|(?<!\w)_|_(?!\w)|(?<=:)/(?=/)|(?<=www)\.)")
"""What makes emphasis, code, links, tables, formulas or mentions of a text."""
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MOST_PAIRS: Final = 12
T = TypeVar("T")


def render_markdown(content: ReportContent) -> str:
    """Return the report without its pictures, as GitHub-flavoured Markdown.

    Names are escaped: none becomes a heading, a link or HTML.

    Args:
        content: Everything the report says.
    """
    sections = (section(content) for section in _SECTIONS)
    return "\n\n".join(text for text in sections if text) + "\n"


def escaped(value: object) -> str:
    r"""Return a text that Markdown shows as it is, on one line.

    >>> escaped("<b>|*")
    '&lt;b&gt;\\|\\*'
    """
    line = words.shortened(str(value), 10_000)
    for character, entity in _ENTITIES.items():
        line = line.replace(character, entity)
    return _SPECIAL.sub(r"\\\1", line)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0) -> str:
    """Return a table; its last ``numbers`` columns are set flush right.

    >>> print(table(["class", "n"], [["cat", 3]], numbers=1))
    | class | n |
    |---|--:|
    | cat | 3 |
    """
    texts = len(columns) - numbers
    lines = [_row(columns), "|" + "---|" * texts + "--:|" * numbers]
    return "\n".join([*lines, *(_row([escaped(cell) for cell in row]) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _top(content: ReportContent) -> str:
    facts = (content.backbone, content.head, content.device, content.created)
    told = (sentence.striptags() for sentence in summary.summary(content.test))
    parts = [
        f"# {escaped(content.title)}",
        f"**{escaped(summary.headline(content.test))}**",
        escaped(" ".join(told)),
        "\n".join(f"- {escaped(fact)}" for fact in facts if fact),
    ]
    if content.notes:
        parts += ["## Worth knowing", "\n".join(f"- {escaped(note)}" for note in content.notes)]
    return "\n\n".join(parts)


def _figures(content: ReportContent) -> str:
    rows = [
        [
            it.figure.label,
            it.figure.text(it.test),
            it.figure.interval(it.test),
            it.figure.text(it.validation),
            it.figure.interval(it.validation),
        ]
        for it in glossary.measures(content.test, content.validation)
    ]
    columns = ["figure", "test", "95 % interval", "out of fold", "95 % interval"]
    n = f"Test: n = {counted(content.test.n)}."
    other = f" Out of fold: n = {counted(content.validation.n)}." if content.validation else ""
    return f"## Figures\n\n{n}{other}\n\n{table(columns, rows, numbers=4)}"


def _confusion(content: ReportContent) -> str:
    scores = content.test.per_class
    if len(scores) > LARGEST_MATRIX:
        return ""
    columns = ["is \\ said", *(escaped(score.name) for score in scores)]
    counts = content.test.confusion.tolist()
    rows = ([score.name, *row] for score, row in zip(scores, counts, strict=True))
    made = table(columns, rows, numbers=len(scores))
    return f"## Confusion matrix\n\nAs `confusion.csv`.\n\n{made}"


def _pairs(content: ReportContent) -> str:
    confused = content.test.most_confused(_MOST_PAIRS)
    if not confused:
        return ""
    made = table(["is", "was taken for", "images"], confused, numbers=1)
    return f"## Most frequent confusions\n\n{made}"


def _classes(content: ReportContent) -> str:
    rows = [
        [
            score.name,
            score.support,
            score.predicted,
            *(_share(it) for it in (score.precision, score.recall, score.f1)),
        ]
        for score in sorted(content.test.per_class, key=lambda score: score.f1.value)
    ]
    columns = ["class", "images", "said", "precision", "recall", "F1"]
    return f"## Class by class\n\nAs `per_class.csv`.\n\n{table(columns, rows, numbers=5)}"


def _share(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} ({percent_interval(estimate)})"


def _errors(content: ReportContent) -> str:
    def row(error: Example) -> Sequence[object]:
        return error.path, error.label, error.predicted, percent(error.confidence)

    columns = ["image", "is", "said", "confidence"]
    return _listed("The most confident errors", columns, row, content.errors, numbers=1)


def _slices(content: ReportContent) -> str:
    rows = [[it.name, it.feature, it.n, _share(it.accuracy)] for it in content.slices]
    if not rows:
        return ""
    made = table(["which images", "by", "images", "accuracy"], rows, numbers=2)
    return f"## Where it does worse\n\n{made}"


def _tables(content: ReportContent) -> str:
    return "\n\n".join(
        f"## {escaped(it.title)}\n\n{escaped(it.caption)}\n\n"
        f"{table([escaped(column) for column in it.columns], it.rows)}"
        for it in content.tables
    )


def _suspects(content: ReportContent) -> str:
    rows = [
        [it.example.path, it.split, it.example.label, it.example.predicted]
        for it in content.suspects
    ]
    if not rows:
        return ""
    made = table(["image", "split", "labelled", "perhaps"], rows)
    return f"## Labels to look at\n\n{made}"


def _training(content: ReportContent) -> str:
    if content.history is None:
        return ""
    gap = judge_gap(content.history)
    told = escaped(" ".join([gap.headline, *gap.sentences]))

    def row(it: Epoch) -> Sequence[object]:
        figures = [plain(it.loss), plain(it.val_loss), percent(it.accuracy)]
        chosen = "✓" if it.chosen else ""
        return [it.phase, it.epoch, *figures, percent(it.val_accuracy), seconds(it.seconds), chosen]

    columns = ["phase", "epoch", "loss", "validation loss", "accuracy", "validation accuracy"]
    rows = map(row, content.history.epochs)
    made = table([*columns, "time", "chosen"], rows, numbers=8)
    return f"## How fine-tuning went\n\n{told}\n\n{made}"


def _data(content: ReportContent) -> str:
    splits = [split for counts in content.split_counts.values() for split in counts]
    columns = list(dict.fromkeys(splits))
    rows = [
        [name, *(counts.get(split, 0) for split in columns)]
        for name, counts in content.split_counts.items()
    ]
    facts = [f"- {escaped(name)}: {escaped(value)}" for name, value in content.image_facts.items()]
    facts.append(f"- rejected files: {counted(len(content.rejected))}")
    made = table(["class", *columns], rows, numbers=len(columns)) if rows else ""
    return "\n\n".join(filter(None, ["## The data", made, "\n".join(facts)]))


def _selection(content: ReportContent) -> str:
    def row(it: Candidate) -> Sequence[object]:
        setting = it.setting or f"{it.strength:.4g}"
        return it.taps, setting, percent(it.accuracy), plain(it.nll), "✓" if it.chosen else ""

    columns = ["features", "setting", "accuracy", "log loss", "chosen"]
    return _listed("How the head was chosen", columns, row, content.selection, numbers=3)


def _listed(
    title: str,
    columns: Sequence[str],
    row: Callable[[T], Sequence[object]],
    items: Sequence[T],
    *,
    numbers: int,
) -> str:
    if not items:
        return ""
    return f"## {title}\n\n{table(columns, map(row, items), numbers=numbers)}"


def _details(content: ReportContent) -> str:
    return "\n\n".join(_detail_tables(content))


def _detail_tables(content: ReportContent) -> Iterator[str]:
    times = [[step, seconds(duration)] for step, duration in content.timings_s.items()]
    if times:
        yield f"## Timings\n\n{table(['step', 'time'], times, numbers=1)}"
    for title, settings in (
        ("Parity", content.parity),
        ("Configuration", content.config),
        ("Environment", content.environment),
    ):
        if settings:
            yield f"## {title}\n\n{table(['name', 'value'], flattened(settings))}"


_SECTIONS: Final = (
    _top,
    _figures,
    _confusion,
    _pairs,
    _classes,
    _errors,
    _slices,
    _tables,
    _suspects,
    _training,
    _data,
    _selection,
    _details,
)
