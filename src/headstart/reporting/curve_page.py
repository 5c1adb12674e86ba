"""The page of a learning curve: would more images help?"""

from __future__ import annotations

import base64

from headstart.reporting.html import environment, page_script
from headstart.selection.curve_result import LearningCurve
from headstart.selection.curve_words import details, headline


def render_curve(curve: LearningCurve, *, title: str, created: str, plot: bytes) -> str:
    """Return the page as one self-contained HTML document.

    Args:
        curve: What it shows.
        title: Name of the data.
        created: When it was made, ISO 8601.
        plot: PNG of :func:`headstart.reporting.curve_plot.draw_curve`.
    """
    return (
        environment()
        .get_template("curve.html")
        .render(
            curve=curve,
            headline=headline(curve),
            details=list(details(curve)),
            title=title,
            created=created,
            plot=base64.b64encode(plot).decode(),
            **page_script(),
        )
    )
