"""``headstart report``: the page of a finished run, made again from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headstart.config import cache_dir
from headstart.data.manifest import Container
from headstart.data.sources import open_source
from headstart.errors import DataError
from headstart.evaluation import Estimate, Judgement, restore_judgement
from headstart.progress import Progress
from headstart.workflows.report_content import PAGE, ReportSource, write_report
from headstart.workflows.report_maps import MapPlan
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import METRICS, StoredRun, read_estimates, read_json, read_run
from headstart.workflows.stored_run import section as part

_PAGES: Final = (".html", ".htm")


def report(
    run: str | Path,
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    maps: int | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make a run's report again: the page, and its twin in Markdown beside it.

    Nothing is judged anew: figures are those that were written down.

    Args:
        run: What ``headstart train`` or ``headstart evaluate --out`` wrote.
        out: Page to write, or folder to write it to; the run's folder if not given, where
            the page that is there is replaced.
        data: Where the images are; where the run found them if not given.
        maps: Errors with activation maps; as many as two seconds allow if not given.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Returns:
        The page.

    Raises:
        DataError: It is no run, its answers have no probabilities, or ``data`` cannot be opened.
        StorageError: The disk is full or refuses.
    """
    folder = Path(run)
    stored, answers = read_run(folder), read_answers(folder)
    container, missing = _container(stored, data, cache)
    source = ReportSource(
        folder=folder,
        title=stored.name,
        answers=answers,
        test=_test(stored, answers),
        validation=_validation(folder),
        container=container,
        notes=(missing,) if missing else (),
    )
    plan = MapPlan() if maps is None else MapPlan(most=maps, seconds=None)
    return write_report(source, page=_page(out), maps=plan, progress=progress)


def _page(out: str | Path | None) -> Path | None:
    if out is None:
        return None
    path = Path(out)
    return path if path.suffix.lower() in _PAGES else path / PAGE


def _container(
    stored: StoredRun, data: str | Path | None, cache: str | Path | None
) -> tuple[Container | None, str]:
    """Return where the images are, or why they are not shown."""
    if data is not None:
        return open_source(data, cache=cache_dir(cache), min_classes=1).container, ""
    if stored.data:
        try:
            return open_source(stored.data, cache=cache_dir(cache), min_classes=1).container, ""
        except DataError:
            pass
    return None, "the images are not where the run found them: --data shows where they are"


def _test(stored: StoredRun, answers: StoredAnswers) -> Judgement:
    if answers.probabilities is None:
        raise DataError(
            f"{answers.file} has no probabilities: a report needs a column prob_<class> of each"
        )
    confidence = read_json(stored.folder / METRICS).get("confidence") or 0.95
    return restore_judgement(
        answers.probabilities,
        answers.said_places(),
        answers.label_places(),
        classes=answers.classes,
        metrics=stored.metrics,
        confidence=float(confidence),
    )


@dataclass(frozen=True)
class _Figures:
    """A judgement's figures without its answers."""

    n: int
    metrics: Mapping[str, Estimate]


def _validation(folder: Path) -> _Figures | None:
    found = part(read_json(folder / METRICS), "validation")
    if not found:
        return None
    return _Figures(int(found["n"]), read_estimates(folder, found))
