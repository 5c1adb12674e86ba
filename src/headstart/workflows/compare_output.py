"""A comparison as files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from headstart.config import cache_dir
from headstart.data.digest import content_digest
from headstart.data.manifest import Container
from headstart.data.sources import open_source
from headstart.errors import DataError
from headstart.files import write_csv, write_json, write_text
from headstart.parallel import cpu_count, ordered_map
from headstart.reporting.compare_page import (
    CompareContent,
    pictured_rows,
    render_comparison,
)
from headstart.reporting.thumbnails import make_thumbnail
from headstart.workflows.compare_result import CompareResult
from headstart.workflows.run_directory import RunDirectory
from headstart.workflows.stored_run import read_run

_PAGES = (".html", ".htm")
_THUMBNAIL_PX = 200


def write_comparison(
    result: CompareResult, out: Path, *, data: str | Path | None, cache: str | Path | None
) -> Path:
    """Write a comparison's page, or a folder with all there is; return the page's path.

    Args:
        result: What to write.
        out: ``FILE.html`` for the page; else a folder for ``compare.html``,
            ``compare.json``, ``pairs.csv``, ``classes.csv`` and ``images.csv``.
        data: Where the images are; where the runs found them, if not given.
        cache: Cache folder, for archives.

    Raises:
        ConfigError: The folder exists already.
        DataError: ``data`` is given and cannot be opened.
        StorageError: The disk is full or refuses.
    """
    page = _page(result, data, cache)
    if out.suffix.lower() in _PAGES:
        write_text(out, page)
        return out
    with RunDirectory(out) as folder:
        write_text(folder.path / "compare.html", page)
        write_json(folder.path / "compare.json", result.to_json())
        write_csv(folder.path / "pairs.csv", *result.table())
        write_csv(folder.path / "classes.csv", *result.class_table())
        write_csv(folder.path / "images.csv", *result.image_table())
    return out / "compare.html"


def _page(result: CompareResult, data: str | Path | None, cache: str | Path | None) -> str:
    container, missing = _container(result, data, cache)
    rows = pictured_rows(result.contest)
    thumbnails = {} if container is None else _thumbnails(container, result, rows)
    if container is not None and len(thumbnails) < len(rows):
        missing = f"{len(rows) - len(thumbnails):,} images are gone or changed since: not shown"
    content = CompareContent(
        contest=result.contest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        images=result.images,
        thumbnails=thumbnails,
        notes=(*result.notes, *([missing] if missing else [])),
    )
    return render_comparison(content)


def _container(
    result: CompareResult, data: str | Path | None, cache: str | Path | None
) -> tuple[Container | None, str]:
    """Return where the images are, or why they are not shown."""
    if not result.images:
        return None, ""
    if data is not None:
        return open_source(data, cache=cache_dir(cache), min_classes=1).container, ""
    for place in _recorded(result):
        try:
            return open_source(place, cache=cache_dir(cache), min_classes=1).container, ""
        except DataError:
            continue
    return None, "the images are not where the runs found them: --data shows where they are"


def _recorded(result: CompareResult) -> list[str]:
    """Return where the runs found their images, without repetition."""
    found = []
    for place in (result.places or {}).values():
        folder = Path(place) if Path(place).is_dir() else Path(place).parent
        try:
            found.append(read_run(folder).data)
        except DataError:
            continue
    return [data for data in dict.fromkeys(found) if data]


def _thumbnails(container: Container, result: CompareResult, rows: list[int]) -> dict[int, bytes]:
    def make(row: int) -> tuple[int, bytes | None]:
        try:
            content = container.read(result.images[row])
            if result.digests and content_digest(content) != result.digests[row]:
                return row, None
            return row, make_thumbnail(content, size_px=_THUMBNAIL_PX)
        except DataError:
            return row, None

    made = ordered_map(make, rows, threads=cpu_count(), lookahead=16)
    return {row: thumbnail for row, thumbnail in made if thumbnail is not None}
