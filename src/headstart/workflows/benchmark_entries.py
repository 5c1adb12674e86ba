"""Finished runs as rows of a leaderboard: what they were, reached and cost."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headstart.backbones.catalog import find_backbone
from headstart.backbones.speeds import FEWEST_IMAGES
from headstart.config import TrainConfig
from headstart.evaluation.leaderboard import Entry
from headstart.heads.presets import DenseSettings, resolve_settings
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.benchmark_plan import BenchmarkRun
from headstart.workflows.stored_answers import StoredAnswers
from headstart.workflows.stored_run import StoredRun
from headstart.workflows.tuning_config import planned_phases, wants_tuning

_OF_IMAGES: Final = ("audit",)
_OF_BACKBONE: Final = ("backbone", "geometry", "features")
_SHARED: Final = (*_OF_IMAGES, *_OF_BACKBONE)


@dataclass(frozen=True)
class Finished:
    """A run with what it left.

    Attributes:
        wanted: What was asked for.
        stored: What its files say.
        answers: What it said of the test images.
    """

    wanted: BenchmarkRun
    stored: StoredRun
    answers: StoredAnswers

    @property
    def name(self) -> str:
        """Of the run."""
        return self.wanted.name

    @property
    def images(self) -> frozenset[tuple[str, str]]:
        """What tells its test images from those of others."""
        told = self.answers.digests or self.answers.paths
        return frozenset(zip(told, self.answers.labels, strict=True))

    @property
    def backbone(self) -> Hashable:
        """What decides its features."""
        data, backbone = self.wanted.config.data, self.wanted.config.backbone
        return (find_backbone(backbone.name).name, data.image_size_px, data.geometry)


def build_entries(finished: Sequence[Finished]) -> list[Entry]:
    """Return a row for each run, without places."""
    costs = _shared_costs(finished)
    speeds = _speeds(finished)
    return [_entry(run, costs, speeds.get(run.backbone)) for run in finished]


_Costs = Mapping[tuple[str, Hashable], float]


def _shared_costs(finished: Sequence[Finished]) -> _Costs:
    """Return what each shared step cost the run that did it."""
    costs: dict[tuple[str, Hashable], float] = {}
    for run in finished:
        for step in _SHARED:
            key = (step, _sharers(run, step))
            costs[key] = max(costs.get(key, 0.0), run.stored.timings_s.get(step, 0.0))
    return costs


def _sharers(run: Finished, step: str) -> Hashable:
    return None if step in _OF_IMAGES else run.backbone


def _alone(run: Finished, costs: _Costs) -> float:
    """Return the seconds of a run with all that it shares."""
    mine = run.stored.timings_s
    own = mine.get("total", 0.0) - sum(mine.get(step, 0.0) for step in _SHARED)
    return own + sum(costs[step, _sharers(run, step)] for step in _SHARED)


def _speeds(finished: Sequence[Finished]) -> dict[Hashable, float]:
    """Return images a second of each backbone, from the run that computed most features."""
    found: dict[Hashable, float] = {}
    for run in sorted(finished, key=lambda it: it.stored.forward_passes):
        seconds = run.stored.timings_s.get("features", 0.0)
        if run.stored.forward_passes >= FEWEST_IMAGES and seconds:
            found[run.backbone] = run.stored.forward_passes / seconds
    return found


def _entry(run: Finished, costs: _Costs, images_per_s: float | None) -> Entry:
    wanted, stored = run.wanted, run.stored
    spec = find_backbone(wanted.config.backbone.name)
    rate, epochs, batch = _training(wanted.config, stored.folder)
    return Entry(
        name=run.name,
        model=wanted.model,
        head=wanted.head,
        strategy=wanted.strategy,
        fine_tuned=stored.is_fine_tuned,
        native_px=spec.size_px,
        input_px=wanted.config.data.image_size_px or spec.size_px,
        source_px=stored.source_px,
        learning_rate=rate,
        epochs=epochs,
        batch_size=batch,
        accuracy=stored.metrics["accuracy"],
        f1_weighted=stored.metrics["f1_weighted"],
        f1_macro=stored.metrics["f1_macro"],
        validation=stored.validation.get("accuracy"),
        validation_n=stored.n_validation,
        seconds=_alone(run, costs),
        seconds_here=stored.timings_s.get("total", 0.0),
        images_per_s=images_per_s,
        parameters=spec.parameters,
        bundle_bytes=_size(stored.bundle),
        reported=wanted.reported,
        folder=str(stored.folder),
    )


def _training(config: TrainConfig, folder: Path) -> tuple[str, str, str]:
    """Return learning rates, epochs and batch sizes in words; empty for a closed-form head."""
    settings = resolve_settings(config.head)
    plan = TuningPlan.read(folder) if wants_tuning(config) else None
    phases = plan.phases if plan else planned_phases(config)
    if phases:
        rates = [f"{phase.optimiser.learning_rate:g}" for phase in phases]
        epochs = " + ".join(str(phase.epochs) for phase in phases)
        batches = [str(phase.batch_size) for phase in phases]
        return ", ".join(dict.fromkeys(rates)), epochs, ", ".join(dict.fromkeys(batches))
    if isinstance(settings, DenseSettings):
        return f"{settings.learning_rate:g}", str(settings.epochs), str(settings.batch_size)
    return "", "", ""


def _size(bundle: Path | None) -> int | None:
    if bundle is None:
        return None
    return sum(path.stat().st_size for path in bundle.iterdir() if path.is_file())
