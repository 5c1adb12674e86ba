"""Predicting more images than fit into memory, into a table that a kill cannot lose."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headstart import __version__
from headstart.config import cache_dir
from headstart.data.inputs import open_images
from headstart.data.manifest import Manifest
from headstart.progress import Progress, Silent
from headstart.serving.predictor import Prediction, Predictor, load
from headstart.workflows.deciding import (
    ByClass,
    DecisionChanges,
    decide_beforehand,
    predict_deciding,
)
from headstart.workflows.partial import Partial, open_partial
from headstart.workflows.predict import check_top_k, columns_of
from headstart.workflows.prediction_rows import Cell, Columns
from headstart.workflows.row_files import format_of

_SAFE_EVERY_S: Final = 5.0
_MOST_CELLS: Final = 100_000
"""Held before they are written, whatever the time."""


@dataclass(frozen=True)
class BatchResult:
    """What a table of predictions came to.

    Attributes:
        out: The table.
        images: Its rows.
        kept: Rows that an earlier, stopped call had written.
        errors: Bad files.
        unknown: Images without an answer that is sure enough.
        ignored: Files that were not taken for images: reason -> how many.
    """

    out: Path
    images: int
    kept: int
    errors: int
    unknown: int
    ignored: Mapping[str, int]


def predict_batch(
    bundle: str | Path | Predictor,
    images: Sequence[str | Path],
    *,
    out: str | Path,
    top_k: int = 1,
    probabilities: bool = False,
    priors: ByClass | None = None,
    costs: ByClass | None = None,
    answer_all: bool = False,
    restart: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Classify any number of images into a table, one row an image, in order.

    Rows are held for five seconds and names all. Rows are kept in ``<out>.partial`` then: the
    same call after a kill goes on behind them. Priors that are estimated need all answers
    first, which are then held in memory: such a call begins anew.

    Args:
        bundle: Bundle folder, run directory, or a loaded predictor.
        images: Files, folders, archives or tables, mixed as you like.
        out: Table to write, CSV, TSV, JSON Lines or Parquet by its ending; it appears whole,
            and replaces one that is there.
        top_k: As in :func:`headstart.workflows.predict.predict`, and all that follow.
        probabilities: Add a column ``prob_<class>`` for every class.
        priors: Shares of the classes among these images.
        costs: What mistakes cost.
        answer_all: Leave the bundle's threshold out.
        restart: Drop rows of a stopped call instead of going on with them.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Raises:
        ConfigError: The rows of a stopped call are of another bundle, of other images or
            settings; or the format is unknown.
        HeadstartError: The bundle or an input cannot be used.
    """
    out, heard = Path(out), progress or Silent()
    format_of(out)
    predictor = bundle if isinstance(bundle, Predictor) else load(bundle)
    check_top_k(top_k, predictor)
    manifest = open_images(images, cache=cache_dir(cache))
    changes = DecisionChanges(priors, costs, answer_all)
    columns = columns_of(predictor, top_k=top_k, probabilities=probabilities)
    job = _Job(manifest, columns, heard)
    anew = changes.estimates
    if not anew:
        predictor = decide_beforehand(predictor, changes, heard)
    facts = _facts(predictor, columns) | ({"priors": "estimate"} if anew else {})
    with open_partial(
        out, facts, columns, paths=manifest.paths, restart=restart, anew=anew
    ) as partial:
        answers = None
        if anew:
            predictor, answers = predict_deciding(predictor, changes, job.stream, heard)
        return job.write(predictor, partial, answers)


@dataclass
class _Job:
    manifest: Manifest
    columns: Columns
    progress: Progress

    def stream(self, predictor: Predictor, start: int = 0) -> Iterator[Prediction]:
        answers = predictor.stream(self.manifest, start=start)
        left = len(self.manifest) - start
        return self.progress.track(answers, total=left, task="predicting", unit="images")

    def write(
        self, predictor: Predictor, partial: Partial, known: Sequence[Prediction] | None
    ) -> BatchResult:
        kept = partial.written.rows
        if kept:
            self.progress.say(f"going on behind the {kept:,} rows in {partial.folder}")
        answers = self.stream(predictor, kept) if known is None else iter(known[kept:])
        self._write_rows(answers, partial)
        partial.finish()
        done = partial.written
        return BatchResult(
            out=partial.out,
            images=done.rows,
            kept=kept,
            errors=done.errors,
            unknown=done.unknown,
            ignored=self.manifest.ignored,
        )

    def _write_rows(self, answers: Iterator[Prediction], partial: Partial) -> None:
        buffer = _Buffer(partial, most=max(1, _MOST_CELLS // len(self.columns.names)))
        try:
            for answer in answers:
                buffer.add(self.columns.cells(answer), answer.path)
        except BaseException:
            try:
                buffer.flush()
            finally:
                self._say_kept(partial)
            raise
        buffer.flush()

    def _say_kept(self, partial: Partial) -> None:
        kept = partial.written.rows
        if kept:
            self.progress.say(
                f"{kept:,} of {len(self.manifest):,} rows are kept in {partial.folder}: the same "
                "command goes on behind them"
            )


@dataclass
class _Buffer:
    """Rows that are not on the disk yet. An interrupt may come between any two lines."""

    partial: Partial
    most: int
    waiting: list[tuple[list[Cell], str]] = field(default_factory=list)
    due: float = field(default_factory=lambda: time.monotonic() + _SAFE_EVERY_S)

    def __post_init__(self) -> None:
        self.behind = self.partial.written.rows

    def add(self, row: list[Cell], path: str) -> None:
        self.waiting.append((row, path))
        if len(self.waiting) >= self.most or time.monotonic() >= self.due:
            self.flush()

    def flush(self) -> None:
        new = self.waiting[self.partial.written.rows - self.behind :]
        if new:
            self.partial.append([row for row, _ in new], [path for _, path in new])
        self.waiting = []
        self.behind = self.partial.written.rows
        self.due = time.monotonic() + _SAFE_EVERY_S


def _facts(predictor: Predictor, columns: Columns) -> dict[str, Any]:
    """Return all that decides what is written of an image, in words for messages."""
    rule = predictor.rule
    return {
        "headstart": __version__,
        "bundle": predictor.bundle.info.seal,
        "precision": predictor.precision,
        "threshold": rule.threshold,
        "priors": None if rule.priors is None else rule.priors.tolist(),
        "costs": None if rule.costs is None else rule.costs.tolist(),
        "columns": columns.names,
    }
