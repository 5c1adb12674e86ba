"""From a check's results to its page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from headstart.data.manifest import Manifest
from headstart.files import write_text
from headstart.parallel import cpu_count, ordered_map
from headstart.reporting.check_page import (
    CheckContent,
    SeenClass,
    SeenLabel,
    SeenPicture,
    pictured_labels,
    render_check,
)
from headstart.reporting.thumbnails import make_thumbnail
from headstart.selection.recognition import ClassAnswers
from headstart.workflows.check_data import CheckData
from headstart.workflows.check_result import CheckResult

_THUMBNAIL_PX = 200
_PICTURES = 120


def write_page(path: Path, result: CheckResult, data: CheckData) -> None:
    """Write a check's page: one file that needs nothing else.

    Args:
        path: The file.
        result: What was found.
        data: The images it was found on.
    """
    write_text(path, render_check(_content(result, data.shown)))


def _content(result: CheckResult, shown: Manifest) -> CheckContent:
    pictured = pictured_labels(len(result.answers))
    labels = [label for answers in result.answers for label in answers.labels[:pictured]]
    listed = result.pictures[:_PICTURES]
    rows = {label.rows[0] for label in labels} | set(range(len(listed)))
    thumbnails = dict(_thumbnails(shown, rows))
    geometry = result.geometry
    return CheckContent(
        title=Path(result.source).absolute().name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=(
            f"{result.backbone} at {geometry.size_px} px, {geometry.mode}",
            f"{result.sampled:,} of {result.images:,} images looked at",
        ),
        classes=tuple(_seen(answers, shown, thumbnails) for answers in result.answers),
        pictures=tuple(
            SeenPicture(it.path, thumbnails[row], it.labels) for row, it in enumerate(listed)
        ),
        more_pictures=len(result.pictures) - len(listed),
        names=result.names,
        memory=result.memory,
        evidence=result.evidence,
        advice=result.advice,
        findings=result.findings,
        notes=result.notes,
        timings_s=result.timings_s,
    )


def _seen(answers: ClassAnswers, shown: Manifest, thumbnails: dict[int, bytes]) -> SeenClass:
    return SeenClass(
        answers,
        tuple(
            SeenLabel(
                label,
                SeenPicture(shown.paths[label.rows[0]], thumbnails[label.rows[0]])
                if label.rows[0] in thumbnails
                else None,
            )
            for label in answers.labels
        ),
    )


def _thumbnails(shown: Manifest, rows: Iterable[int]) -> Iterable[tuple[int, bytes]]:
    def make(row: int) -> tuple[int, bytes]:
        content = shown.container.read(shown.paths[row])
        return row, make_thumbnail(content, size_px=_THUMBNAIL_PX)

    return ordered_map(make, sorted(rows), threads=cpu_count(), lookahead=16)
