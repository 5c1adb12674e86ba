"""A run as it lies on disk: what its files say of it, read by whoever shows runs.

Settings are read as they were written, not checked against today's schema, so that runs
of other versions stay readable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headstart.config import read_settings
from headstart.errors import ConfigError, DataError
from headstart.evaluation import Estimate

METRICS: Final = "metrics.json"
PREDICTIONS: Final = "predictions.csv"
VALIDATION: Final = "validation.csv"
"""Answers on images that were held out, before any decision: what choices may go by."""
_TUNED_WON: Final = re.compile("the (fine-tuned|trained) network is kept")
_HEAD_WON: Final = "the head on the pretrained network is kept"


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """What a run's files say, without its answers.

    Attributes:
        folder: Where it lies.
        kind: ``"train"``, ``"ensemble"``, or ``"evaluate"`` for what ``headstart evaluate
            --out`` wrote.
        created: When it was made, ISO 8601; empty where that was not recorded.
        data: What it was made from, as an absolute path; empty likewise.
        backbone: The network; empty for an evaluation of a bundle that is gone.
        head: The classifier on top.
        strategy: How it was to be trained: ``probe``, ``full`` ...
        kept: What won on validation images, and has the figures: ``probe``, the head on the
            pretrained network, or ``fine-tuned``; empty where that was not recorded.
        recipe: The published plan it followed; empty for none.
        n: How many images its figures rest on.
        metrics: Its figures on them.
        seconds: How long it took; ``None`` for an evaluation.
        config: Its settings, nested; empty for an evaluation.
        notes: What it found worth saying.
        validation: Its figures on images that were held out from training.
        n_validation: How many these are.
        timings_s: Step -> seconds.
        source_px: Median width and height of its images, where that was recorded.
        forward_passes: How many it made for its features; the others were cached.
        members: Of an ensemble: the runs or views that it joins.
    """

    folder: Path
    kind: str
    created: str
    data: str
    backbone: str
    head: str
    strategy: str
    kept: str
    recipe: str
    n: int
    metrics: Mapping[str, Estimate]
    seconds: float | None
    config: Mapping[str, Any]
    notes: tuple[str, ...]
    validation: Mapping[str, Estimate] = field(default_factory=dict)
    n_validation: int = 0
    timings_s: Mapping[str, float] = field(default_factory=dict)
    source_px: tuple[int, int] | None = None
    forward_passes: int = 0
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.absolute().name

    @property
    def is_fine_tuned(self) -> bool:
        """Whether the network that is deployed was trained."""
        return self.kept == "fine-tuned"

    def figures(self, split: str) -> Mapping[str, Estimate]:
        """Return the figures of ``"test"`` or ``"validation"``."""
        return {"test": self.metrics, "validation": self.validation}[split]

    @property
    def report(self) -> Path | None:
        """The report to look at, if it is there."""
        return _present(self.folder / "report.html")

    @property
    def bundle(self) -> Path | None:
        """The deployable model, if it is there."""
        return _present(self.folder / "bundle")


def read_run(folder: str | Path) -> StoredRun:
    """Read what a run's files say.

    Args:
        folder: What ``headstart train``, ``ensemble`` or ``evaluate --out`` wrote.

    Raises:
        DataError: It is no run, unfinished, or a file of it is damaged.
    """
    path = Path(folder)
    metrics = _read_metrics(path)
    environment = read_json(path / "environment.json")
    trained = (path / "config.yaml").is_file()
    joined = section(metrics, "ensemble")
    config = _read_config(path) if trained else {}
    made = _provenance(path if trained else Path(environment.get("bundle") or path))
    timings = _numbers(section(metrics, "timings_s"))
    validation = section(metrics, "validation")
    source = _numbers(section(metrics, "source_px"))
    notes = tuple(map(str, metrics.get("notes") or ()))
    strategy = str(section(config, "training").get("strategy") or "")
    return StoredRun(
        folder=path,
        kind="train" if trained else "ensemble" if joined else "evaluate",
        created=str(environment.get("created") or made.get("created") or ""),
        data=str(environment.get("data") or ""),
        backbone=str(section(config, "backbone").get("name") or made.get("backbone") or ""),
        head=str(section(config, "head").get("name") or made.get("head") or ""),
        strategy=strategy,
        kept=str(environment.get("kept") or _told_kept(notes, strategy)),
        recipe=str(environment.get("recipe") or ""),
        n=int(metrics["test"]["n"]),
        metrics=read_estimates(path, metrics["test"]),
        seconds=timings.get("total"),
        config=config,
        notes=notes,
        validation=read_estimates(path, validation),
        n_validation=int(_numbers(validation).get("n", 0)),
        timings_s=timings,
        source_px=(int(source["width"]), int(source["height"])) if len(source) == 2 else None,
        forward_passes=int(_numbers(environment).get("forward_passes", 0)),
        members=tuple(section(joined, "weights")),
    )


def _told_kept(notes: Sequence[str], strategy: str) -> str:
    """Return what won, of a run made before that was recorded: its notes say so."""
    if strategy in ("", "probe"):
        return strategy
    won = any(_TUNED_WON.match(note) for note in notes)
    return "fine-tuned" if won else "probe" if any(_HEAD_WON in it for it in notes) else ""


def _read_metrics(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise DataError(f"there is no run at {path}: give the folder that 'headstart train' wrote")
    if not (path / METRICS).is_file():
        raise DataError(
            f"{path} is no finished run: it holds no {METRICS}; "
            "give a folder that 'headstart train' or 'headstart evaluate --out' wrote"
        )
    metrics = read_json(path / METRICS)
    if not isinstance(section(metrics, "test").get("n"), int):
        raise DataError(f"{path / METRICS} says nothing of a test: it is damaged, or no run's")
    return metrics


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one where there is no file.

    Raises:
        DataError: It cannot be read, or is no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is no JSON object: it is damaged, or no run's")
    return content


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return read_settings(path / "config.yaml")
    except ConfigError as error:
        raise DataError(str(error)) from error


def _provenance(path: Path) -> dict[str, Any]:
    """Return what a bundle says of its making, unverified: this shows, it does not predict."""
    folders = (path / "bundle", path)
    found = [folder / "bundle.json" for folder in folders if (folder / "bundle.json").is_file()]
    return section(read_json(found[0]), "provenance") if found else {}


def section(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a part of a JSON object; an empty one where it is missing or something else."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _numbers(content: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(it) for key, it in content.items() if isinstance(it, int | float)}


def read_estimates(path: Path, test: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the figures of a judgement as ``metrics.json`` holds it.

    Raises:
        DataError: One of them is none.
    """
    try:
        return {
            name: Estimate(float(it["value"]), float(it["low"]), float(it["high"]))
            for name, it in test.items()
            if isinstance(it, dict)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path / METRICS} holds a figure that is none: {error}") from error


def _present(path: Path) -> Path | None:
    return path if path.exists() else None
