"""``headstart runs``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import option_types as typed
from headstart.cli.runs_table import run_lines, runs_csv, runs_lines
from headstart.errors import ConfigError
from headstart.files import write_csv, write_json
from headstart.workflows.run_directory import refuse_existing
from headstart.workflows.runs import RunList, list_runs, run_json
from headstart.workflows.stored_run import METRICS, read_run


def run(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DIR] | show RUN | track RUN mlflow[:URI]",
            help="Folder of runs, or one run. [runs]",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option("--sort", help="Column, figure or dotted setting; a minus turns it round."),
    ] = "created",
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Such as head.name=knn, accuracy>=0.9, data~trash."),
    ] = None,
    as_json: typed.Json = None,
    as_csv: Annotated[
        str | None, typer.Option("--csv", help="CSV file to write; - for the terminal.")
    ] = None,
) -> None:
    """List, filter and sort the runs in a folder; show one, or log one to MLflow.

    headstart runs

    headstart runs experiments --sort accuracy --filter head.name=linear

    headstart runs show runs/waste

    headstart runs track runs/waste mlflow:http://localhost:5000
    """
    for path in (as_json, as_csv):
        if path not in (None, "-"):
            refuse_existing(Path(str(path)))
    given = places or ["runs"]
    if given[0] == "show":
        _show_one(given[1:], as_json)
        return
    if given[0] == "track":
        _track(given[1:])
        return
    if len(given) > 1:
        raise ConfigError(f"expected one folder of runs, found {len(given)}: {', '.join(given)}")
    found = list_runs(given[0], filters=filters or (), sort=sort)
    if not _written(found, as_json, as_csv):
        for line in runs_lines(found):
            typer.echo(line)


def _show_one(places: Sequence[str], as_json: str | None) -> None:
    if len(places) != 1:
        raise ConfigError("expected one run to show: headstart runs show runs/waste")
    found = read_run(_located(Path(places[0])))
    if as_json is not None:
        _json(run_json(found), as_json)
        return
    for line in run_lines(found):
        typer.echo(line)


def _track(places: Sequence[str]) -> None:
    from headstart.workflows.mlflow_tracking import read_tracker

    if len(places) != 2:
        raise ConfigError(
            "expected a run and where to log it: headstart runs track runs/waste mlflow[:URI]"
        )
    tracker = read_tracker(places[1])
    assert tracker is not None, "it was named"
    typer.echo(tracker.log(_located(Path(places[0]))))


def _located(place: Path) -> Path:
    """Return where a run is that may only be named, as those in ``runs`` are."""
    places = (place, Path("runs") / place)
    return next((it for it in places if (it / METRICS).is_file()), place)


def _written(found: RunList, as_json: str | None, as_csv: str | None) -> bool:
    """Write what was asked for; tell whether the terminal is taken."""
    if as_json is not None:
        broken = [{"folder": str(it.folder), "reason": it.reason} for it in found.broken]
        _json({"runs": [run_json(it) for it in found.runs], "broken": broken}, as_json)
    if as_csv is not None:
        _csv(found, as_csv)
    return "-" in (as_json, as_csv)


def _json(content: object, place: str) -> None:
    if place == "-":
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
    else:
        write_json(Path(place), content)


def _csv(found: RunList, place: str) -> None:
    header, rows = runs_csv(found)
    if place != "-":
        write_csv(Path(place), header, rows)
        return
    import csv
    import sys

    csv.writer(sys.stdout, lineterminator="\n").writerows([header, *rows])
