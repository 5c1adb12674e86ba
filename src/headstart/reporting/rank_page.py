"""The page of a ranking: which backbone, how sure, at what cost."""

from __future__ import annotations

import base64

from headstart.reporting.html import environment, page_script
from headstart.selection.ranking import RankResult


def render_ranking(result: RankResult, *, title: str, created: str, plot: bytes) -> str:
    """Return the page as one self-contained HTML document.

    Args:
        result: What it shows.
        title: Name of the data.
        created: When it was made, ISO 8601.
        plot: PNG of :func:`headstart.reporting.rank_plot.draw_ranking`.
    """
    return (
        environment()
        .get_template("rank.html")
        .render(
            result=result,
            title=title,
            created=created,
            plot=base64.b64encode(plot).decode(),
            **page_script(),
        )
    )
