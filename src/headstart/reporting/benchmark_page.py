"""The page of a benchmark: who is ahead on each data set, how sure that is, at what cost."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from headstart.evaluation import verdicts
from headstart.evaluation.leaderboard import Leaderboard, by_strategy, strategies_of
from headstart.reporting.html import environment, page_script


@dataclass(frozen=True, kw_only=True)
class BenchmarkContent:
    """A benchmark, ready to be shown.

    Attributes:
        boards: One for each data set.
        created: When it was made, ISO 8601.
        notes: What is worth knowing of the whole.
        plots: Data set -> PNG of :func:`headstart.reporting.benchmark_plot.draw_board`.
    """

    boards: tuple[Leaderboard, ...]
    created: str
    notes: tuple[str, ...]
    plots: Mapping[str, bytes]


def render_benchmark(content: BenchmarkContent) -> str:
    """Return the page as one self-contained HTML document.

    The same content gives the same text.
    """
    strategies = strategies_of(content.boards)
    several = len(content.boards) > 1 or len(strategies) > 1
    return (
        environment()
        .get_template("benchmark.html")
        .render(
            content=content,
            boards=content.boards,
            runs=sum(len(board.entries) for board in content.boards),
            failed=sum(len(board.failed) for board in content.boards),
            strategies=strategies,
            strategy_rows=by_strategy(content.boards) if several else [],
            plots={name: base64.b64encode(png).decode() for name, png in content.plots.items()},
            sentence=verdicts.sentence,
            **page_script(),
        )
    )
