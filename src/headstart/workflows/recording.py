"""Everything a run leaves on disk besides its bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from headstart.bundle import BundleInfo
from headstart.config import TrainConfig
from headstart.data.splits import write_split_csv
from headstart.evaluation import Judgement
from headstart.evaluation.decision import Decided, DecisionRule
from headstart.files import write_csv, write_json, write_text
from headstart.heads.folds import Indices
from headstart.heads.probe import FoldFigures, ProbeFit
from headstart.workflows.answer_tables import LabelledAnswers, write_answers
from headstart.workflows.error_tables import write_summary
from headstart.workflows.judging import Judged
from headstart.workflows.preparation import PreparedData
from headstart.workflows.run_errors import RunErrors
from headstart.workflows.run_events import write_run_events
from headstart.workflows.scores import write_risk_coverage, write_scores
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.stored_answers import StoredAnswers
from headstart.workflows.stored_run import PREDICTIONS, VALIDATION

if TYPE_CHECKING:
    from headstart.workflows.report_content import ReportSource


@dataclass(frozen=True)
class RunRecord:
    """A run's results, ready to be written."""

    title: str
    source: str
    config: TrainConfig
    data: PreparedData
    test_rows: Indices
    judged: Judged
    fit: ProbeFit
    bundle: BundleInfo
    notes: tuple[str, ...]
    environment: Mapping[str, object]
    errors: RunErrors

    @property
    def test(self) -> Judgement:
        """Judgement of the locked test split."""
        return self.judged.test


def write_record(folder: Path, record: RunRecord, watch: Stopwatch) -> dict[str, float]:
    """Write tables, figures and the report; return the timings.

    Args:
        folder: The run's directory.
        record: What to write.
        watch: The run's clock, read last.
    """
    from headstart.workflows.report_content import write_report

    with watch.step("report"):
        _write_tables(folder, record)
        write_run_events(folder, record)
        write_json(folder / "metrics.json", metrics_json(record, watch.seconds()))
        write_report(_report_source(folder, record))
    timings = watch.seconds()
    write_json(folder / "metrics.json", metrics_json(record, timings))
    return timings


def metrics_json(record: RunRecord, timings: Mapping[str, float]) -> dict[str, object]:
    """Return the content of ``metrics.json``: every figure with its n and interval."""
    return {
        "schema": 1,
        "test": record.test.to_json(),
        "validation": record.judged.validation.to_json(),
        **_decision_json(record),
        "confidence": record.config.judgement.confidence,
        "images": dict(split_totals(record)),
        "source_px": _source_px(record),
        "temperature": record.fit.head.temperature,
        "parity": [parity.model_dump() for parity in record.bundle.parity],
        "notes": list(record.notes),
        "about": _about(record),
        "timings_s": dict(timings),
    }


def _source_px(record: RunRecord) -> dict[str, int]:
    """Return the median size of the images."""
    found = record.data.audit
    return {"width": int(np.median(found.widths)), "height": int(np.median(found.heights))}


def _decision_json(record: RunRecord) -> dict[str, object]:
    decision = record.bundle.decision
    return {"decision": decision.model_dump(mode="json")} if decision else {}


def _about(record: RunRecord) -> dict[str, object]:
    """Return what the report says of the images and the head besides."""
    found = record.data.audit
    return {
        "head": record.fit.description,
        "facts": {
            "source": record.source,
            "images": f"{len(found.manifest):,}",
            "formats": ", ".join(f"{count:,} {name}" for name, count in found.formats.items()),
            "width": _range(found.widths),
            "height": _range(found.heights),
        },
        "ignored": dict(record.data.manifest.ignored),
        "duplicates": sum(map(len, found.duplicates)),
    }


def _range(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    low, middle, high = values.min(), int(np.median(values)), values.max()
    return f"{low} px" if low == high else f"{low} to {high} px, median {middle}"


def _report_source(folder: Path, record: RunRecord) -> ReportSource:
    from headstart.workflows.report_content import ReportSource

    manifest, classes = record.data.manifest.take(record.test_rows), record.fit.head.classes
    decided = record.judged.decided
    answers = StoredAnswers(
        file=folder / PREDICTIONS,
        paths=manifest.paths,
        labels=tuple(label or "" for label in manifest.labels),
        said=tuple(classes[place] for place in decided.labels.tolist()),
        digests=tuple(record.data.digests[row] for row in record.test_rows.tolist()),
        classes=tuple(classes),
        probabilities=decided.probabilities,
        unreadable=0,
    )
    return ReportSource(
        folder=folder,
        title=record.title,
        answers=answers,
        test=record.test,
        validation=record.judged.validation,
        container=manifest.container,
    )


def split_totals(record: RunRecord) -> Iterator[tuple[str, int]]:
    """Yield each split with its number of images."""
    for split in ("train", "val", "test"):
        yield split, len(record.data.manifest.rows_in(split))


def _write_tables(folder: Path, record: RunRecord) -> None:
    manifest, classes = record.data.manifest, record.fit.head.classes
    settings = record.config.model_dump(mode="json")
    write_text(folder / "config.yaml", yaml.safe_dump(settings, sort_keys=False))
    write_json(folder / "environment.json", record.environment)
    write_split_csv(folder / "split.csv", manifest)
    rejected = ([bad.path, bad.reason] for bad in record.data.audit.rejected)
    write_csv(folder / "rejected.csv", ["path", "reason"], rejected)
    write_csv(
        folder / "history.csv",
        ["taps", "strength", "setting", "accuracy", "nll", "images"],
        (
            [c.taps, c.strength, c.setting, c.accuracy, c.nll, c.images]
            for c in record.fit.candidates
        ),
    )
    if record.fit.folds:
        names = [field.name for field in fields(FoldFigures)]
        rows = ([getattr(fold, name) for name in names] for fold in record.fit.folds)
        write_csv(folder / "folds.csv", names, rows)
    write_scores(folder, record.test, classes)
    write_summary(folder, record.errors.analysis)
    record.errors.traits.write(folder, record.errors.analysis.images)
    judged, known = record.judged, DecisionRule()
    write_risk_coverage(folder, record.test.risk_coverage)
    write_answers(folder / PREDICTIONS, _answers(record, record.test_rows, judged.decided))
    held_out = _answers(record, judged.held_out_rows, known.apply(judged.held_out))
    write_answers(folder / VALIDATION, held_out)


def _answers(record: RunRecord, rows: Indices, decided: Decided) -> LabelledAnswers:
    manifest, digests = record.data.manifest, record.data.digests
    return LabelledAnswers(
        paths=[manifest.paths[row] for row in rows],
        labels=[str(manifest.labels[row]) for row in rows],
        digests=[digests[row] for row in rows],
        classes=record.fit.head.classes,
        decided=decided,
    )
