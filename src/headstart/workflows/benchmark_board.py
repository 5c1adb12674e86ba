"""From the finished runs on one data set to its leaderboard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from headstart.backbones.catalog import find_backbone
from headstart.backbones.speeds import FEWEST_IMAGES
from headstart.config import TrainConfig
from headstart.errors import DataError
from headstart.evaluation.counts import Bools
from headstart.evaluation.leaderboard import (
    ON_TEST,
    Choice,
    Entry,
    FailedRun,
    Leaderboard,
    tied_with_best,
)
from headstart.heads.presets import DenseSettings, resolve_settings
from headstart.progress import Progress
from headstart.training.tuning_plan import TuningPlan
from headstart.workflows.benchmark_plan import BenchmarkRun, DataSet
from headstart.workflows.benchmark_runs import Outcomes
from headstart.workflows.compare import compare
from headstart.workflows.compare_result import CompareResult
from headstart.workflows.fine_tuning import planned_phases, wants_tuning
from headstart.workflows.matching import match_answers
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import PREDICTIONS, VALIDATION, StoredRun, read_run

_RESAMPLES: Final = 100
"""Places rest on exact tests; intervals are the runs' own."""
_OF_IMAGES: Final = ("audit",)
_OF_BACKBONE: Final = ("backbone", "geometry", "features")
_SHARED: Final = (*_OF_IMAGES, *_OF_BACKBONE)


@dataclass(frozen=True)
class _Finished:
    """A run with what it left."""

    wanted: BenchmarkRun
    stored: StoredRun
    answers: StoredAnswers

    @property
    def name(self) -> str:
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


def build_board(data: DataSet, outcomes: Outcomes, *, progress: Progress) -> Leaderboard:
    """Rank the finished runs on one data set.

    Args:
        data: Which.
        outcomes: What became of its runs.
        progress: Who is told.

    Raises:
        DataError: A run's files are damaged.
    """
    finished = [
        _Finished(run, read_run(folder), read_answers(folder / PREDICTIONS))
        for run, folder in outcomes.finished
    ]
    failed = tuple(
        FailedRun(name=run.name, model=run.model, trained=run.trained, reason=reason)
        for run, reason in outcomes.failed
    )
    bare = Leaderboard(
        data=data.name, source=data.place, entries=(), failed=failed, reason=outcomes.reason
    )
    if not finished:
        return bare
    groups = _groups(finished)
    contests = [_contest(group) for group in groups if len(group) > 1]
    placed = {it.name: it.place for contest in contests for it in contest.standings}
    entries = sorted(
        _placed(_entries(finished), placed, groups),
        key=lambda it: (it.place or len(finished), -it.accuracy.value, it.seconds),
    )
    with progress.wait("choosing by validation"):
        choice = _choose(groups[0], {it.name: it.seconds for it in entries})
    return replace(
        bare,
        entries=tuple(entries),
        test_images=len(groups[0][0].answers),
        headline=contests[0].headline if contests else "",
        choice=choice,
        notes=_notes(finished, groups, [note for it in contests for note in it.notes]),
    )


def _groups(finished: Sequence[_Finished]) -> list[list[_Finished]]:
    """Return the runs by the test images they were judged on, the largest group first."""
    by_images: defaultdict[frozenset[tuple[str, str]], list[_Finished]] = defaultdict(list)
    for run in finished:
        by_images[run.images].append(run)
    return sorted(by_images.values(), key=len, reverse=True)


def _contest(group: Sequence[_Finished]) -> CompareResult:
    return compare({it.name: it.stored.folder for it in group}, resamples=_RESAMPLES)


def _placed(
    entries: Sequence[Entry],
    placed: Mapping[str, int],
    groups: Sequence[Sequence[_Finished]],
) -> list[Entry]:
    """Write places into entries; they are shared only among runs on the same images."""
    group_of = {it.name: number for number, group in enumerate(groups) for it in group}
    taken = [(group_of[name], place) for name, place in placed.items()]
    return [
        replace(
            it,
            place=placed.get(it.name),
            is_tied=taken.count((group_of[it.name], placed.get(it.name, 0))) > 1,
        )
        for it in entries
    ]


def _entries(finished: Sequence[_Finished]) -> list[Entry]:
    costs = _shared_costs(finished)
    speeds = _speeds(finished)
    return [_entry(run, costs, speeds.get(run.backbone)) for run in finished]


_Costs = Mapping[tuple[str, Hashable], float]


def _shared_costs(finished: Sequence[_Finished]) -> _Costs:
    """Return what each shared step cost the run that did it."""
    costs: dict[tuple[str, Hashable], float] = {}
    for run in finished:
        for step in _SHARED:
            key = (step, _sharers(run, step))
            costs[key] = max(costs.get(key, 0.0), run.stored.timings_s.get(step, 0.0))
    return costs


def _sharers(run: _Finished, step: str) -> Hashable:
    return None if step in _OF_IMAGES else run.backbone


def _alone(run: _Finished, costs: _Costs) -> float:
    """Return the seconds of a run with all that it shares."""
    mine = run.stored.timings_s
    own = mine.get("total", 0.0) - sum(mine.get(step, 0.0) for step in _SHARED)
    return own + sum(costs[step, _sharers(run, step)] for step in _SHARED)


def _speeds(finished: Sequence[_Finished]) -> dict[Hashable, float]:
    """Return images a second of each backbone, from the run that computed most features."""
    found: dict[Hashable, float] = {}
    for run in sorted(finished, key=lambda it: it.stored.forward_passes):
        seconds = run.stored.timings_s.get("features", 0.0)
        if run.stored.forward_passes >= FEWEST_IMAGES and seconds:
            found[run.backbone] = run.stored.forward_passes / seconds
    return found


def _entry(run: _Finished, costs: _Costs, images_per_s: float | None) -> Entry:
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


def _choose(group: Sequence[_Finished], seconds: Mapping[str, float]) -> Choice | None:
    """Return the quickest run of those that held-out images cannot tell from the best."""
    try:
        answers = {it.name: read_answers(it.stored.folder / VALIDATION) for it in group}
        if len(answers) < 2:
            return None
        matched = match_answers(answers, common=True)
    except DataError:  # a run of an earlier version, or one without any held-out image
        return None
    right = {
        name: _right(one, rows)
        for (name, one), rows in zip(answers.items(), matched.rows, strict=True)
    }
    tied = tied_with_best(right)
    return Choice(min(tied, key=seconds.__getitem__), tied, len(matched.rows[0]))


def _right(answers: StoredAnswers, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bools:
    said, labels = np.array(answers.said, object), np.array(answers.labels, object)
    return np.asarray(said[rows] == labels[rows], np.bool_)


def _notes(
    finished: Sequence[_Finished], groups: Sequence[Sequence[_Finished]], more: Sequence[str]
) -> tuple[str, ...]:
    notes = [ON_TEST] if len(groups[0]) > 1 else []
    if len(groups) > 1:
        notes.append(
            f"the runs were judged on {len(groups)} different sets of test images (another seed or "
            "another share): only those on the same images are ranked among each other"
        )
    if any(it.wanted.strategy != "probe" for it in finished):
        notes.append(
            "fine-tuned: validation images chose the epoch and whether it is kept, so that their "
            "figures are a little high; those of a head are cross-validated on more images"
        )
    if any("resumed after a stop" in note for it in finished for note in it.stored.notes):
        notes.append("the seconds of a resumed run count from its last start")
    return (*notes, *dict.fromkeys(more))
