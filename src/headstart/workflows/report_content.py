"""From a run's files to what its report shows: the same for a run that just ended as later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from headstart.data.decoding import MAX_PIXELS
from headstart.data.manifest import Container
from headstart.evaluation import Judgement
from headstart.files import write_text
from headstart.progress import Progress, Silent
from headstart.reporting import (
    Measured,
    ReportContent,
    render_markdown,
    render_report,
)
from headstart.workflows.report_facts import (
    Rows,
    candidates,
    parity_facts,
    paths_by_class,
    read_rows,
    rejected_files,
    split_counts,
)
from headstart.workflows.report_history import read_history
from headstart.workflows.report_maps import MapPlan, draw_maps
from headstart.workflows.report_parts import read_decision, read_doubts, read_slices
from headstart.workflows.report_pictures import (
    PictureSource,
    take_pictures,
    take_samples,
    take_suspects,
)
from headstart.workflows.stored_answers import StoredAnswers
from headstart.workflows.stored_run import METRICS, StoredRun, read_json, read_run, section

PAGE: Final = "report.html"
TWIN: Final = "report.md"


@dataclass(frozen=True, kw_only=True)
class ReportSource:
    """What a report is made from, besides the small files of the run.

    Attributes:
        folder: The run's.
        title: Its name.
        answers: What was said of each test image.
        test: The judgement of that.
        validation: The judgement of held-out answers, if there is one.
        container: Where the images are; ``None``: they are not at hand.
        notes: What else is to be said.
    """

    folder: Path
    title: str
    answers: StoredAnswers
    test: Judgement
    validation: Measured | None
    container: Container | None
    notes: tuple[str, ...] = ()

    @cached_property
    def run(self) -> StoredRun:
        """What the run's files say of it."""
        return read_run(self.folder)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``."""
        return read_json(self.folder / METRICS)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """``environment.json``."""
        return read_json(self.folder / "environment.json")

    @cached_property
    def splits(self) -> Rows:
        """``split.csv``; empty for an evaluation."""
        return read_rows(self.folder / "split.csv")

    @cached_property
    def bundle(self) -> Path:
        """The deployed model: the run's own, or the one that was evaluated."""
        own = self.folder / "bundle"
        return own if own.is_dir() else Path(str(self.environment.get("bundle") or own))

    @cached_property
    def bundle_info(self) -> dict[str, Any]:
        """``bundle.json``, unverified; empty where the bundle is gone."""
        return read_json(self.bundle / "bundle.json")


def write_report(
    source: ReportSource,
    *,
    page: Path | None = None,
    maps: MapPlan | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a run's page, which needs nothing else, and its twin in Markdown beside it.

    Args:
        source: The run.
        page: Where to; ``report.html`` in its folder if not given.
        maps: How many activation maps to draw; as many as two seconds allow if not given.
        progress: Who is told.

    Returns:
        The page.
    """
    target = page or source.folder / PAGE
    content = report_content(source, maps or MapPlan(), progress or Silent())
    write_text(target, render_report(content))
    write_text(target.with_suffix(".md"), render_markdown(content))
    return target


def report_content(source: ReportSource, maps: MapPlan, progress: Progress) -> ReportContent:
    """Return everything that a run's report says."""
    content = _without_pictures(source)
    return _with_pictures(content, source, maps, progress)


def _without_pictures(source: ReportSource) -> ReportContent:
    folder, metrics = source.folder, source.metrics
    about, classes = section(metrics, "about"), source.answers.classes
    provenance = section(source.bundle_info, "provenance")
    images, notes = section(metrics, "images"), source.run.notes
    return ReportContent(
        title=source.title,
        created=source.run.created,
        backbone=_backbone(source),
        head=str(about.get("head") or source.run.head),
        device=_device(source.environment),
        test=source.test,
        validation=source.validation,
        decision=read_decision(folder),
        split_counts=split_counts(source.splits, classes, source.answers.labels),
        image_facts=_image_facts(source, about),
        notes=(*notes, *source.notes),
        rejected=rejected_files(read_rows(folder / "rejected.csv")),
        ignored=section(about, "ignored"),
        duplicate_count=about.get("duplicates"),
        slices=read_slices(folder),
        history=read_history(folder, images=images, notes=notes),
        selection=candidates(read_rows(folder / "history.csv"), provenance),
        parity=parity_facts(source.bundle_info.get("parity") or []),
        config=source.run.config,
        environment=source.environment,
        timings_s=section(metrics, "timings_s"),
        bundle_bytes=_bytes(source.bundle),
    )


def _with_pictures(
    content: ReportContent, source: ReportSource, plan: MapPlan, progress: Progress
) -> ReportContent:
    if source.container is None:
        return content
    pictures = PictureSource(source.container, _max_pixels(source))
    with progress.wait("making thumbnails"):
        taken = take_pictures(source.answers, pictures)
        samples = take_samples(paths_by_class(source.splits, source.answers.classes), pictures)
        suspects = take_suspects(read_doubts(source.folder), pictures)
    with progress.wait("drawing activation maps"):
        mapped = draw_maps(taken.errors, source.answers, pictures, source.bundle, plan)
    gone = f"{taken.missing:,} test images are gone or changed since: not shown"
    return replace(
        content,
        images=taken.images,
        errors=mapped.errors,
        map_note=mapped.note,
        samples=samples,
        suspects=suspects,
        notes=(*content.notes, *([gone] if taken.missing else [])),
    )


def _backbone(source: ReportSource) -> str:
    geometry = section(source.bundle_info, "geometry")
    shape = f" at {geometry['size_px']} px, {geometry['mode']}" if geometry else ""
    return f"{source.run.backbone}{shape}"


def _device(environment: Mapping[str, Any]) -> str:
    engine = (environment.get("engine"), environment.get("precision"))
    known = " ".join(str(it) for it in engine if it)
    return ", ".join(filter(None, [known, f"{environment.get('cores', '?')} cores"]))


def _image_facts(source: ReportSource, about: Mapping[str, Any]) -> dict[str, str]:
    facts = {name: str(value) for name, value in section(about, "facts").items()}
    return facts or ({"source": source.run.data} if source.run.data else {})


def _max_pixels(source: ReportSource) -> int:
    return int(source.bundle_info.get("max_pixels") or MAX_PIXELS)


def _bytes(bundle: Path) -> int:
    return sum(file.stat().st_size for file in bundle.iterdir()) if bundle.is_dir() else 0
