"""What a person looks at after a run: one self-contained HTML report, and plots."""

from __future__ import annotations

from headstart.reporting.content import Candidate, Example, ReportContent
from headstart.reporting.html import render_report
from headstart.reporting.plots import write_plots
from headstart.reporting.thumbnails import examples_per_class, make_thumbnail

__all__ = [
    "Candidate",
    "Example",
    "ReportContent",
    "examples_per_class",
    "make_thumbnail",
    "render_report",
    "write_plots",
]
