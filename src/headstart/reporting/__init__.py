"""What a person looks at after a run: one self-contained HTML report, and plots."""

from __future__ import annotations

from headstart.reporting.content import (
    Candidate,
    EvidenceMap,
    Example,
    Measured,
    ReportContent,
    Slice,
    Suspect,
    TestImage,
    TextTable,
)
from headstart.reporting.history import Epoch, TrainingHistory
from headstart.reporting.html import render_report
from headstart.reporting.markdown import render_markdown
from headstart.reporting.plots import write_plots
from headstart.reporting.sheet import SheetRow, draw_sheet
from headstart.reporting.sheet_page import render_sheet
from headstart.reporting.thumbnails import examples_per_class, make_thumbnail

__all__ = [
    "Candidate",
    "Epoch",
    "EvidenceMap",
    "Example",
    "Measured",
    "ReportContent",
    "SheetRow",
    "Slice",
    "Suspect",
    "TestImage",
    "TextTable",
    "TrainingHistory",
    "draw_sheet",
    "examples_per_class",
    "make_thumbnail",
    "render_markdown",
    "render_report",
    "render_sheet",
    "write_plots",
]
