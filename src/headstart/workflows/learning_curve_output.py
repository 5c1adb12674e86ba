"""A learning curve as files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from headstart.files import write_bytes, write_csv, write_json, write_text
from headstart.reporting.curve_page import render_curve
from headstart.reporting.curve_plot import draw_curve
from headstart.selection.curve_result import LearningCurve
from headstart.workflows.run_directory import RunDirectory

_PAGES = (".html", ".htm")


def write_curve(curve: LearningCurve, out: Path) -> None:
    """Write a curve's page, or its plot, or a folder with all there is.

    Args:
        curve: What to write.
        out: ``FILE.html`` for the page, ``FILE.png`` for the plot; else a folder for
            ``learning-curve.html``, ``.png``, ``.csv`` and ``.json``, and ``classes.csv``.

    Raises:
        ConfigError: The folder exists already.
        StorageError: The disk is full or refuses.
    """
    plot = draw_curve(curve)
    if out.suffix.lower() == ".png":
        write_bytes(out, plot)
    elif out.suffix.lower() in _PAGES:
        write_text(out, _page(curve, plot))
    else:
        with RunDirectory(out) as folder:
            write_text(folder.path / "learning-curve.html", _page(curve, plot))
            write_bytes(folder.path / "learning-curve.png", plot)
            write_csv(folder.path / "learning-curve.csv", *curve.table())
            write_csv(folder.path / "classes.csv", *curve.class_table())
            write_json(folder.path / "learning-curve.json", curve.to_json())


def _page(curve: LearningCurve, plot: bytes) -> str:
    title = Path(curve.source).absolute().name or curve.source
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return render_curve(curve, title=title, created=created, plot=plot)
