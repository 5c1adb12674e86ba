"""From a run's results to what its report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from headstart.data.manifest import SPLITS, Split
from headstart.files import write_text
from headstart.parallel import cpu_count, ordered_map
from headstart.reporting import (
    Candidate,
    Example,
    ReportContent,
    examples_per_class,
    make_thumbnail,
    render_report,
)
from headstart.workflows.recording import RunRecord

_ERRORS = 24


def write_report(folder: Path, record: RunRecord, timings: Mapping[str, float]) -> None:
    """Write ``report.html``: one file that needs nothing else."""
    write_text(folder / "report.html", render_report(_content(folder, record, timings)))


def _content(folder: Path, record: RunRecord, timings: Mapping[str, float]) -> ReportContent:
    chosen, environment = record.fit.chosen, record.environment
    geometry = record.bundle.geometry
    return ReportContent(
        title=record.title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=f"{record.config.backbone.name} at {geometry.size_px} px, {geometry.mode}",
        head=record.fit.description,
        device=f"{environment['engine']} {environment['precision']}, {environment['cores']} cores",
        test=record.test,
        validation=record.judged.validation,
        decision=None if record.judged.decision.rule.is_plain else record.judged.figures,
        split_counts=_split_counts(record),
        image_facts=_image_facts(record),
        notes=record.notes,
        rejected=record.data.audit.rejected,
        ignored=record.data.manifest.ignored,
        duplicate_count=sum(map(len, record.data.audit.duplicates)),
        samples=_samples(record),
        errors=_errors(record),
        selection=tuple(
            Candidate(c.taps, c.strength, c.accuracy, c.nll, c is chosen, c.setting)
            for c in record.fit.candidates
        ),
        parity=_parity(record),
        config=record.config.model_dump(mode="json"),
        environment=environment,
        timings_s=timings,
        bundle_bytes=sum(file.stat().st_size for file in (folder / "bundle").iterdir()),
    )


def _split_counts(record: RunRecord) -> dict[str, dict[Split, int]]:
    manifest = record.data.manifest
    counts = Counter(zip(manifest.labels, manifest.splits, strict=True))
    return {name: {split: counts[name, split] for split in SPLITS} for name in manifest.classes}


def _image_facts(record: RunRecord) -> dict[str, str]:
    found = record.data.audit
    formats = ", ".join(f"{count:,} {name}" for name, count in found.formats.items())
    return {
        "source": record.source,
        "images": f"{len(found.manifest):,}",
        "formats": formats,
        "width": _range(found.widths),
        "height": _range(found.heights),
    }


def _range(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    low, middle, high = values.min(), int(np.median(values)), values.max()
    return f"{low} px" if low == high else f"{low} to {high} px, median {middle}"


def _samples(record: RunRecord) -> dict[str, tuple[Example, ...]]:
    manifest = record.data.manifest
    classes = manifest.classes
    each = examples_per_class(len(classes))
    if not each:
        return {}
    labels = np.array(manifest.labels, dtype=object)
    rows = {name: np.flatnonzero(labels == name) for name in classes}
    spread = {
        name: mine[np.linspace(0, len(mine) - 1, min(each, len(mine)), dtype=int)]
        for name, mine in rows.items()
    }
    thumbnails = dict(_thumbnails(record, [row for mine in spread.values() for row in mine]))
    return {
        name: tuple(Example(manifest.paths[r], name, "", 0.0, thumbnails[r]) for r in mine.tolist())
        for name, mine in spread.items()
    }


def _errors(record: RunRecord) -> tuple[Example, ...]:
    manifest, classes = record.data.manifest, record.fit.head.classes
    predicted, confidence = record.judged.decided.labels, record.judged.decided.confidence
    true = manifest.take(record.test_rows).label_indices(classes)
    wrong = np.flatnonzero(predicted != true)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:_ERRORS]
    rows = record.test_rows[worst]
    thumbnails = dict(_thumbnails(record, rows))
    return tuple(
        Example(
            path=manifest.paths[row],
            label=classes[true[index]],
            predicted=classes[predicted[index]],
            confidence=float(confidence[index]),
            thumbnail=thumbnails[row],
        )
        for index, row in zip(worst.tolist(), rows.tolist(), strict=True)
    )


def _thumbnails(record: RunRecord, rows: Iterable[int]) -> Iterable[tuple[int, bytes]]:
    manifest = record.data.manifest

    def make(row: int) -> tuple[int, bytes]:
        return row, make_thumbnail(manifest.container.read(manifest.paths[row]))

    return ordered_map(make, [int(row) for row in rows], threads=cpu_count(), lookahead=16)


def _parity(record: RunRecord) -> dict[str, object]:
    shown: dict[str, object] = {}
    for parity in record.bundle.parity:
        shown[f"images compared, {parity.precision}"] = parity.images
        shown[f"other top class, {parity.precision}"] = parity.top1_disagreements
        shown[f"largest probability difference, {parity.precision}"] = round(
            parity.largest_difference, 4
        )
    return shown
