"""A search in lines of at most 100 characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from headstart.config.search_space import shown

if TYPE_CHECKING:
    from headstart.selection.study import TrialRecord
    from headstart.workflows.tune_result import TuneResult

WIDTH: Final = 100
_MOST: Final = 5
_HEADER: Final = (
    f"{'trial':>6}{'log loss':>10}{'accuracy':>10}{'macro F1':>10}{'seconds':>9}  settings"
)


def tune_lines(result: TuneResult) -> Iterator[str]:
    """Yield what a search found, for the terminal."""
    yield _HEADER
    for trial in _foremost(result):
        yield from _lines(trial)
    yield ""
    yield from _wrapped(result.headline)
    shares = [f"{path} {share:.0%}" for path, share in result.importances.items() if share >= 0.01]
    if shares:
        yield from _wrapped(f"what mattered: {', '.join(shares)}")
    for note in result.notes:
        yield from _wrapped(f"note: {note}")


def _foremost(result: TuneResult) -> list[TrialRecord]:
    """Return the best trials and the default."""
    judged = [trial for trial in result.trials if trial.value is not None]
    best = sorted(judged, key=lambda trial: (trial.value, trial.number))[:_MOST]
    return best if result.default in best else [*best, result.default]


def _lines(trial: TrialRecord) -> list[str]:
    facts = trial.facts
    start = (
        f"{trial.number:>6}{facts['log-loss']:>10.4f}{facts['accuracy']:>10.3f}"
        f"{facts['f1']:>10.3f}{trial.seconds:>9.2f}  "
    )
    settings = ", ".join(f"{path.split('.')[-1]} {shown(v)}" for path, v in trial.values.items())
    name = "the default: " if not trial.number else ""
    return textwrap.wrap(
        f"{name}{settings or facts['choice']}",
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
    )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")
