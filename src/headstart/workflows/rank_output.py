"""A ranking as files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from headstart.files import write_bytes, write_csv, write_json, write_text
from headstart.reporting.rank_page import render_ranking
from headstart.reporting.rank_plot import draw_ranking
from headstart.selection.ranking import RankResult
from headstart.workflows.run_directory import RunDirectory

_PAGES = (".html", ".htm")


def write_ranking(result: RankResult, out: Path) -> None:
    """Write a ranking's page, or its plot, or a folder with all there is.

    Args:
        result: What to write.
        out: ``FILE.html`` for the page, ``FILE.png`` for the plot; else a folder for
            ``rank.html``, ``rank.png``, ``rank.csv`` and ``rank.json``.

    Raises:
        ConfigError: The folder exists already.
        StorageError: The disk is full or refuses.
    """
    plot = draw_ranking(result)
    if out.suffix.lower() == ".png":
        write_bytes(out, plot)
    elif out.suffix.lower() in _PAGES:
        write_text(out, _page(result, plot))
    else:
        with RunDirectory(out) as folder:
            write_text(folder.path / "rank.html", _page(result, plot))
            write_bytes(folder.path / "rank.png", plot)
            write_csv(folder.path / "rank.csv", *result.table())
            write_json(folder.path / "rank.json", result.to_json())


def _page(result: RankResult, plot: bytes) -> str:
    title = Path(result.source).absolute().name or result.source
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return render_ranking(result, title=title, created=created, plot=plot)
