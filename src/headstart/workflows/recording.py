"""Everything a run leaves on disk besides its bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from headstart.bundle import BundleInfo
from headstart.config import TrainConfig
from headstart.data.splits import write_split_csv
from headstart.evaluation import Judgement, softmax
from headstart.files import write_csv, write_json, write_text
from headstart.heads.folds import Indices
from headstart.heads.probe import ProbeFit
from headstart.workflows.error_tables import write_summary
from headstart.workflows.preparation import PreparedData
from headstart.workflows.run_errors import RunErrors
from headstart.workflows.run_events import write_run_events
from headstart.workflows.scores import write_scores
from headstart.workflows.stopwatch import Stopwatch
from headstart.workflows.stored_run import PREDICTIONS, VALIDATION


@dataclass(frozen=True)
class RunRecord:
    """A run's results, ready to be written."""

    title: str
    source: str
    config: TrainConfig
    data: PreparedData
    test_rows: Indices
    probabilities: npt.NDArray[np.float64]
    test: Judgement
    validation: Judgement
    fit: ProbeFit
    bundle: BundleInfo
    notes: tuple[str, ...]
    environment: Mapping[str, object]
    errors: RunErrors


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
        write_report(folder, record, watch.seconds())
    timings = watch.seconds()
    write_json(folder / "metrics.json", metrics_json(record, timings))
    return timings


def metrics_json(record: RunRecord, timings: Mapping[str, float]) -> dict[str, object]:
    """Return the content of ``metrics.json``: every figure with its n and interval."""
    return {
        "schema": 1,
        "test": record.test.to_json(),
        "validation": record.validation.to_json(),
        "confidence": record.config.judgement.confidence,
        "images": dict(split_totals(record)),
        "source_px": _source_px(record),
        "temperature": record.fit.head.temperature,
        "parity": [parity.model_dump() for parity in record.bundle.parity],
        "notes": list(record.notes),
        "timings_s": dict(timings),
    }


def _source_px(record: RunRecord) -> dict[str, int]:
    """Return the median size of the images."""
    found = record.data.audit
    return {"width": int(np.median(found.widths)), "height": int(np.median(found.heights))}


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
    write_scores(folder, record.test, classes)
    write_summary(folder, record.errors.analysis)
    record.errors.traits.write(folder, record.errors.analysis.images)
    header = [*_ANSWER, *map("prob_{}".format, classes)]
    answers = _answer_rows(record, record.test_rows, record.probabilities)
    write_csv(folder / PREDICTIONS, header, answers)
    held_out = manifest.rows_in("train", "val")[record.fit.held_out_rows]
    said = softmax(record.fit.held_out_logits, record.fit.head.temperature)
    write_csv(folder / VALIDATION, header, _answer_rows(record, held_out, said))


_ANSWER = ("path", "true_label", "label", "confidence", "status", "error", "digest")


def _answer_rows(
    record: RunRecord, rows: Indices, answers: npt.NDArray[np.float64]
) -> Iterator[list[object]]:
    manifest, digests = record.data.manifest, record.data.digests
    classes = record.fit.head.classes
    for row, probabilities in zip(rows, answers, strict=True):
        best = int(probabilities.argmax())
        scores = [f"{p:.6f}" for p in probabilities]
        answer = [classes[best], f"{probabilities[best]:.6f}", "ok", ""]
        yield [manifest.paths[row], manifest.labels[row], *answer, digests[row], *scores]
