"""A finished search as files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from headstart.files import write_bytes, write_csv, write_json, write_text
from headstart.reporting.tune_page import TuneContent, render_tuning
from headstart.reporting.tune_plots import draw_history, draw_importances
from headstart.workflows.tune_record import RESULT
from headstart.workflows.tune_result import METRIC_NAMES, TuneResult

PAGE: Final = "tune.html"


def write_result(result: TuneResult, title: str) -> None:
    """Write a search's page, plots and tables; what says that it is finished comes last.

    Args:
        result: What to write.
        title: Name of the data.

    Raises:
        StorageError: The disk is full or refuses.
    """
    folder, metric = result.folder, METRIC_NAMES[result.metric]
    history = draw_history(result.trials, metric=metric, rising=result.metric != "log-loss")
    importance = draw_importances(result.importances) if result.importances else None
    write_bytes(folder / "history.png", history)
    if importance:
        write_bytes(folder / "importance.png", importance)
    page = render_tuning(_content(result, title, metric), history=history, importance=importance)
    write_text(folder / PAGE, page)
    write_csv(folder / "trials.csv", *result.table())
    write_text(folder / "winner.yaml", _winner(result))
    write_json(folder / RESULT, result.to_json())


def _winner(result: TuneResult) -> str:
    """Return the winner's whole configuration, as ``train --config`` reads it."""
    return (result.run.folder / "config.yaml").read_text(encoding="utf-8")


def _content(result: TuneResult, title: str, metric: str) -> TuneContent:
    test = result.run.test
    return TuneContent(
        title=title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=f"{result.headline[0].upper()}{result.headline[1:]}.",
        keeps_default=result.keeps_default,
        winner=result.winner,
        default=result.default,
        trials=result.trials,
        space=result.space,
        importances=result.importances,
        metric=metric,
        key=result.metric,
        test=test.metrics["accuracy"],
        test_images=int(test.confusion.sum()),
        run=result.run.folder.name,
        seconds=result.seconds,
        notes=result.notes,
    )
