"""Several runs on the same data, one after the other; one that fails is passed over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.backbones.catalog import find_backbone
from headstart.errors import DataError, HeadstartError
from headstart.evaluation import Judgement
from headstart.heads.fitting import check_head
from headstart.progress import Progress, Silent
from headstart.workflows.fine_tuning import check_tuning
from headstart.workflows.recipes import Given, PlannedRun, plan_recipe
from headstart.workflows.run_directory import free_name, refuse_existing
from headstart.workflows.train import train


@dataclass(frozen=True)
class GridRow:
    """What became of one run.

    Attributes:
        run: What was wanted.
        folder: The run's directory; ``None`` where it failed.
        test: Judgement of the locked test split; ``None`` where it failed.
        seconds: It took.
        parameters: Of the network, its ImageNet classifier included; ``None`` where no
            such network is known.
        reason: Why it failed; empty where it did not.
    """

    run: PlannedRun
    folder: Path | None
    test: Judgement | None
    seconds: float
    parameters: int | None
    reason: str = ""


def train_grid(
    data: str | Path,
    *,
    recipe: str,
    config: Given = None,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[GridRow, ...]:
    """Train every network of a recipe, each as a run of its own.

    Args:
        data: Folder, archive or table of labelled images.
        recipe: Its name; one that is no grid makes one run.
        config: Settings that differ from the recipe's, for every run.
        out: Folder of the runs' directories; ``runs`` if not given.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Returns:
        A row for each network, in the recipe's order.

    Raises:
        UnknownNameError: No such recipe.
        ConfigError: A setting is wrong; nothing has been done then.
        DataError: The data cannot be used, whichever the network.
    """
    return run_grid(data, plan_recipe(recipe, config), out=out, cache=cache, progress=progress)


def run_grid(
    data: str | Path,
    runs: Sequence[PlannedRun],
    *,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[GridRow, ...]:
    """Train planned runs on the same data. See :func:`train_grid`.

    Args:
        data: Folder, archive or table of labelled images.
        runs: In order.
        out: Folder of the runs' directories, which must not hold one of them; ``runs`` if
            not given, and a number is added to a name that is there already.
        cache: Cache folder.
        progress: Who is told.
    """
    parent, told = Path(out or "runs"), progress or Silent()
    for run in runs:
        check_head(run.config.head)
        check_tuning(run.config)
        if out is not None:
            refuse_existing(parent / run.name)
    rows = []
    for number, run in enumerate(runs, start=1):
        told.say(f"run {number} of {len(runs)}: {run.name}")
        rows.append(_row(data, run, free_name(parent, run.name), cache, told))
        if rows[-1].reason:
            told.say(f"{run.name} failed: {rows[-1].reason}")
    return tuple(rows)


def _row(
    data: str | Path, run: PlannedRun, folder: Path, cache: str | Path | None, progress: Progress
) -> GridRow:
    started = time.monotonic()
    try:
        parameters: int | None = find_backbone(run.config.backbone.name).parameters
    except HeadstartError as error:
        return GridRow(run, None, None, 0.0, None, str(error))
    try:
        done = train(data, recipe=run, out=folder, cache=cache, progress=progress)
    except DataError:
        raise  # the next network would meet the same images
    except HeadstartError as error:
        return GridRow(run, None, None, time.monotonic() - started, parameters, str(error))
    return GridRow(run, done.folder, done.test, time.monotonic() - started, parameters)
