"""``headstart train``: images in; judged, deployable classifier out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.config import TrainConfig, build_config, cache_dir
from headstart.heads.fitting import check_head
from headstart.progress import Progress, Silent
from headstart.workflows.fine_tuning import check_tuning
from headstart.workflows.run_directory import RunDirectory, free_name
from headstart.workflows.train_job import TrainJob
from headstart.workflows.train_result import TrainResult

__all__ = ["TrainResult", "train"]


def train(
    data: str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train, judge and bundle a classifier.

    Args:
        data: Folder, archive or table of labelled images.
        config: Settings that differ from the defaults.
        out: The run's directory, which must not exist yet; ``runs/<name>`` if not given.
        name: Name of the run; that of the data if not given. A number is added where
            ``runs/<name>`` exists.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Returns:
        The run, with its judgement on the locked test split.

    Raises:
        HeadstartError: Whatever the user can mend; nothing half-written stays.
    """
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    check_head(settings.head)
    check_tuning(settings)
    target = Path(out) if out else free_name(Path("runs"), name or _name_of(data))
    with RunDirectory(target) as run:
        job = TrainJob(
            settings, cache=cache_dir(cache), progress=progress or Silent(), folder=run.path
        )
        return job.run(data, target)


def _name_of(data: str | Path) -> str:
    return Path(data).absolute().name.split(".")[0] or "run"
