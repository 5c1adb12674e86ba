"""What several commands ask of a finished run: its folder, its splits, how it was judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from headstart.bundle.loading import INFO_FILE
from headstart.config import JudgementConfig, read_settings
from headstart.errors import DataError
from headstart.evaluation.bootstrap import Resampling
from headstart.workflows.stored_run import METRICS

SPLITS: Final = "split.csv"


def run_of(place: Path) -> Path | None:
    """Return the run's folder, if the place is one, or a bundle in one."""
    within = (place.parent,) if (place / INFO_FILE).is_file() else ()
    return next((it for it in (place, *within) if (it / METRICS).is_file()), None)


def read_splits(run: Path) -> dict[str, tuple[str, str]]:
    """Return path -> split and label of every image that a run went by.

    Raises:
        DataError: The table is gone or damaged.
    """
    file = run / SPLITS
    try:
        table = pl.read_csv(file, infer_schema=False).fill_null("")
        rows = table.select("image_path", "split", "label").rows()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{file} cannot be read: {error}; give finished runs of 'headstart train'"
        ) from error
    return {path: (split, label) for path, split, label in rows}


def resampling_of(settings: Mapping[str, Any]) -> Resampling:
    """Return how the figures of a run with some settings were resampled."""
    judged = JudgementConfig.model_validate(settings.get("judgement") or {})
    return Resampling(judged.resamples, int(settings.get("seed") or 0), judged.confidence)


def settings_of(run: Path) -> Mapping[str, Any]:
    """Return the settings that a run kept; none where it kept none."""
    file = run / "config.yaml"
    return read_settings(file) if file.is_file() else {}
