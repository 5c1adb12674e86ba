"""The report as one HTML file: nothing to load, nothing to install, nothing to trust.

Class names and paths are the user's, or a stranger's: every value is escaped, and a
content security policy forbids scripts other than the report's own and any request.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headstart.data.manifest import SPLITS, Split
from headstart.reporting import figures, glossary, summary, words
from headstart.reporting.content import ReportContent
from headstart.reporting.curves import training_charts
from headstart.reporting.history import judge_gap
from headstart.reporting.pool import image_block
from headstart.reporting.risk_drawing import draw_risk

_TEMPLATES = Path(__file__).parent / "templates"
_FILTERS = (
    words.percent,
    words.percent_interval,
    words.plain,
    words.plain_interval,
    words.counted,
    words.seconds,
    words.milliseconds,
    words.p_value,
    words.file_size,
    words.shortened,
    words.flattened,
)


def render_report(content: ReportContent) -> str:
    """Return the whole report as one self-contained HTML document.

    The same content gives the same text.

    Args:
        content: Everything the report says.
    """
    return (
        environment()
        .get_template("report.html")
        .render(
            content=content,
            test=content.test,
            headline=summary.headline(content.test),
            sentences=summary.summary(content.test),
            baseline=summary.baseline(content.test),
            sure=summary.sure_answers(content.test),
            weak={score.name for score in summary.weak_classes(content.test)},
            measures=glossary.measures(content.test, content.validation),
            matrix=_matrix(content),
            marks=figures.reliability_marks(content.test),
            risk=draw_risk(content.test.risk_coverage),
            totals=_split_totals(content.split_counts),
            error_count=int(content.test.confusion.sum() - content.test.confusion.trace()),
            figures=figures,
            places={score.name: place for place, score in enumerate(content.test.per_class)},
            pool=image_block(content),
            gap=judge_gap(content.history) if content.history else None,
            charts=training_charts(content.history) if content.history else [],
            **page_script("script.js", "report.js"),
        )
    )


def page_script(*names: str) -> dict[str, str]:
    """Return a page's script, and the digest by which its security policy lets it run.

    Args:
        names: Files among the templates; what every page needs, if not given.
    """
    files = [_TEMPLATES / name for name in names or ("script.js",)]
    script = "\n".join(file.read_text(encoding="utf-8") for file in files)
    digest = hashlib.sha256(script.encode()).digest()
    return {"script": Markup(script), "script_hash": base64.b64encode(digest).decode()}


@cache
def environment() -> Environment:
    """Return what renders every page: values are escaped, and a missing one is an error."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({function.__name__: function for function in _FILTERS})
    made.filters["jpeg_uri"] = _jpeg_uri
    return made


def _jpeg_uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _matrix(content: ReportContent) -> list[figures.MatrixRow]:
    if len(content.test.per_class) > figures.LARGEST_MATRIX:
        return []
    return figures.confusion_rows(content.test)


def _split_totals(split_counts: Mapping[str, Mapping[Split, int]]) -> dict[Split, int]:
    """Return split -> number of images, for the splits that have any, in the usual order."""
    present = [split for counts in split_counts.values() for split in counts]
    return {
        split: sum(counts.get(split, 0) for counts in split_counts.values())
        for split in SPLITS
        if split in present
    }
