"""One backbone's part of a ranking: its features, its cost, its scores; all remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.backbones.layout import FeatureLayout
from headstart.backbones.spec import BackboneSpec
from headstart.config import TrainConfig
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest
from headstart.engines.pipeline import ImagePipeline
from headstart.export.deployed_size import deployed_bytes
from headstart.files import write_json
from headstart.heads.probe import ProbeTask
from headstart.parallel import cpu_count
from headstart.progress import Progress, Silent
from headstart.selection.ranking import Cost
from headstart.selection.scoring import SCORING_VERSION, BackboneScores, score_backbone
from headstart.workflows.featuriser import Featured, Featuriser
from headstart.workflows.preparation import fold_keys
from headstart.workflows.speed import ENOUGH, PassClock, repeated


@dataclass(frozen=True)
class Pass:
    """What came out of one backbone's forward pass over the sample.

    Attributes:
        spec: The backbone.
        layout: What the features' columns are.
        geometry: How images became squares.
        engine: What computed, and in which precision.
        featured: The features.
        cost: What it costs.
    """

    spec: BackboneSpec
    layout: FeatureLayout
    geometry: Geometry
    engine: str
    featured: Featured
    cost: Cost


def run_pass(
    manifest: Manifest,
    digests: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    progress: Progress,
) -> Pass:
    """Compute what the cache lacks, and time it.

    Args:
        manifest: The sample.
        digests: Content digest of each row.
        config: Settings, the backbone's name among them.
        cache: Cache folder.
        progress: Who is told.

    Raises:
        WeightsError: Its weights are missing, damaged or do not fit.
        StorageError: The cache cannot be written.
    """
    clock = PassClock(progress)
    featuriser = Featuriser(config, cache=cache, progress=clock)
    with progress.wait(f"building {featuriser.spec.name}"):
        layout = featuriser.graph.layout
    mode = config.data.geometry
    geometry = featuriser.geometry("squash" if mode == "auto" else mode)
    featured = featuriser.featurise(manifest, digests, geometry)
    timed = _Timed(featuriser, geometry, config, clock)
    return Pass(
        spec=featuriser.spec,
        layout=layout,
        geometry=geometry,
        engine=f"{featuriser.engine_name} {featuriser.precision}",
        featured=featured,
        cost=timed.cost(manifest, featured),
    )


def score_pass(
    done: Pass, manifest: Manifest, digests: Sequence[str], config: TrainConfig
) -> BackboneScores:
    """Score a backbone, or remember how it scored on the same images.

    Args:
        done: Its pass; its features are those of ``digests``.
        manifest: Images that every backbone could read.
        digests: Content digest of each row.
        config: Seed and settings of the linear head.
    """
    targets = manifest.label_indices(manifest.classes)
    groups = fold_keys(manifest, digests)
    head = config.head.model_dump_json()
    known = (SCORING_VERSION, list(digests), targets.tolist(), groups, head, config.seed)
    key = hashlib.blake2b(repr(known).encode(), digest_size=10).hexdigest()
    path = done.featured.features.folder / f"scores-{key}.json"
    try:
        return BackboneScores.from_json(_read(path))
    except (KeyError, TypeError):
        task = ProbeTask(done.featured.features, done.layout, targets, groups, manifest.classes)
        scores = score_backbone(task, config.head, seed=config.seed)
        write_json(path, scores.to_json())
        return scores


@dataclass(frozen=True)
class _Timed:
    """Finds out what a backbone costs, and remembers it beside its features."""

    featuriser: Featuriser
    geometry: Geometry
    config: TrainConfig
    clock: PassClock

    def cost(self, manifest: Manifest, featured: Featured) -> Cost:
        path = featured.features.folder / f"cost-{self._threads}.json"
        known = _read(path)
        speed = self.clock.images_per_s or known.get("images_per_s")
        found = {
            "images_per_s": speed or self._measure(manifest, featured),
            "bundle_bytes": known.get("bundle_bytes") or self._bundle_bytes(),
        }
        if found != known:
            write_json(path, found)
        return Cost(
            seconds_an_image=1 / found["images_per_s"],
            parameters=self.featuriser.spec.parameters,
            bundle_bytes=int(found["bundle_bytes"]),
        )

    @property
    def _threads(self) -> int:
        return self.config.engine.threads or cpu_count()

    def _measure(self, manifest: Manifest, featured: Featured) -> float:
        """Pass a few images through once more: all features came from the cache."""
        sound = [row for row in range(len(manifest)) if row not in featured.rejected]
        rows = repeated(sound, ENOUGH)
        pipeline = ImagePipeline(
            self.featuriser.engine,
            geometry=self.geometry,
            max_pixels=self.config.data.max_pixels,
        )
        clock = PassClock(Silent())
        for _ in clock.track(
            pipeline.run(manifest, rows), total=len(rows), task="speed", unit="images"
        ):
            pass
        assert clock.images_per_s is not None, "too few images passed to time them"
        return clock.images_per_s

    def _bundle_bytes(self) -> int:
        graph = self.featuriser.graph
        widest = list(graph.layout.tap_sets().values())[-1]
        return deployed_bytes(graph.path, widest)


def _read(path: Path) -> dict[str, Any]:
    """Return what a file remembers; nothing where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
