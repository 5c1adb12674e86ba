"""The page of a search: what was won, how sure that is, and by which settings."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from headstart.config.search_space import Space, Value, shown
from headstart.evaluation import Estimate
from headstart.reporting.html import environment, page_script
from headstart.selection.study import TrialRecord

_MOST_SHOWN = 200


@dataclass(frozen=True)
class TuneContent:
    """Everything that the page says.

    Attributes:
        title: Name of the data.
        created: When it was made, ISO 8601.
        verdict: Who wins, in a sentence.
        keeps_default: Whether the default was kept.
        winner: The trial whose configuration was retrained.
        default: Trial 0.
        trials: All of them.
        space: What was searched.
        importances: Setting -> share.
        metric: What was searched for, in words.
        key: The same, as in a trial's facts.
        test: Accuracy on the locked test split.
        test_images: How many images are in it.
        run: Where the winner's run is, from the page.
        seconds: All trials took.
        notes: What is worth knowing.
    """

    title: str
    created: str
    verdict: str
    keeps_default: bool
    winner: TrialRecord
    default: TrialRecord
    trials: tuple[TrialRecord, ...]
    space: Space
    importances: Mapping[str, float]
    metric: str
    key: str
    test: Estimate
    test_images: int
    run: str
    seconds: float
    notes: tuple[str, ...]

    @property
    def best_first(self) -> list[TrialRecord]:
        """Trials with a figure, the best first; a few hundred of them."""
        judged = [trial for trial in self.trials if trial.value is not None]
        return sorted(judged, key=lambda trial: (trial.value, trial.number))[:_MOST_SHOWN]

    def count(self, state: str) -> int:
        """Return how many trials ended so."""
        return sum(trial.state == state for trial in self.trials)


def render_tuning(content: TuneContent, *, history: bytes, importance: bytes | None) -> str:
    """Return the page as one self-contained HTML document.

    Args:
        content: What it says.
        history: PNG of :func:`headstart.reporting.tune_plots.draw_history`.
        importance: PNG of the other plot, where there is one.
    """
    return (
        environment()
        .get_template("tune.html")
        .render(
            content=content,
            settings=settings_text,
            history=base64.b64encode(history).decode(),
            importance=base64.b64encode(importance).decode() if importance else "",
            **page_script(),
        )
    )


def settings_text(values: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Return settings as pairs of texts: the last part of each path, and its value."""
    return [(path.split(".")[-1], shown(value)) for path, value in values.items()]
