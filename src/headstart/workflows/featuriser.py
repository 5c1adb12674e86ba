"""Features of any images under one configuration, from the cache where they are known."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import BackboneGraph, build_module, load_graph
from headstart.backbones.layout import has_logits
from headstart.backbones.sizes import check_size
from headstart.backbones.speeds import FEWEST_IMAGES, Speed, record_speed
from headstart.backbones.weights import (
    WeightsFile,
    WeightsRequest,
    locate_weights,
    resolve_weights,
)
from headstart.config import TrainConfig
from headstart.config.schema import GeometryMode
from headstart.data.geometry import Geometry
from headstart.data.manifest import Manifest, Rejected
from headstart.engines.base import Engine
from headstart.engines.openvino_engine import OpenVinoEngine, native_precision
from headstart.engines.pipeline import ImagePipeline
from headstart.features.extraction import extract, space_key
from headstart.features.store import FeatureStore
from headstart.features.table import StoredFeatures
from headstart.files import write_json
from headstart.heads.presets import needs_flat
from headstart.progress import Progress

_AGREEMENT_IMAGES = 16


@dataclass(frozen=True)
class Featured:
    """Features of some images.

    Attributes:
        features: Of the M rows that could be decoded, in order.
        rejected: Row -> why it could not.
        computed: Forward passes made; the others were cached.
    """

    features: StoredFeatures
    rejected: dict[int, Rejected]
    computed: int


class Featuriser:
    """Computes and remembers features for one backbone, engine and precision.

    Args:
        config: What the user wants.
        cache: Cache folder.
        progress: Who is told.

    Raises:
        ConfigError: The backbone cannot take squares of the size asked for.
        UnknownNameError: No such backbone, or no such head.
        WeightsError: Its weights are nowhere, and may not be fetched.
    """

    def __init__(self, config: TrainConfig, *, cache: Path, progress: Progress) -> None:
        self.spec = find_backbone(config.backbone.name)
        self._config = config
        self._cache = cache
        self._progress = progress
        self.size_px = config.data.image_size_px or self.spec.size_px
        check_size(self.spec, self.size_px)
        wanted = config.backbone
        self._request = WeightsRequest(wanted.weights, wanted.offline, config.seed)
        self._located = locate_weights(self.spec, self._request, cache=cache)
        self._flat = needs_flat(config.head)

    @cached_property
    def weights(self) -> WeightsFile:
        """The backbone's weights, fetched if they are not on this machine."""
        return self._located or resolve_weights(
            self.spec, self._request, cache=self._cache, progress=self._progress
        )

    @cached_property
    def graph(self) -> BackboneGraph:
        """The exported backbone."""
        return load_graph(
            self.spec,
            size_px=self.size_px,
            cache=self._cache,
            weights=self.weights,
            flat=self._flat,
        )

    def with_graph(self, graph: BackboneGraph) -> Featuriser:
        """Return the same for a fine-tuned backbone, computed by OpenVINO as it is deployed."""
        other = copy(self)
        for name in ("engine", "engine_name", "precision"):
            other.__dict__.pop(name, None)
        other.__dict__.update(graph=graph, engine_name="openvino")
        return other

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of the weights, a sentence each."""
        headless = self.weights.path is not None and self.spec.labels
        lost = headless and not has_logits(self.graph.layout)
        said = f"the classifier of {self.spec.name} is not used: {self.weights.path} has none of "
        return tuple(
            note
            for note in (self.weights.note, f"{said}{self.spec.labels}'s shape" if lost else "")
            if note
        )

    @cached_property
    def engine_name(self) -> str:
        """``openvino``, or ``torch`` where that was asked for or a GPU is here."""
        if self._config.engine.name != "auto":
            return self._config.engine.name
        from headstart.engines.torch_engine import best_device

        return "openvino" if best_device() == "cpu" else "torch"

    @cached_property
    def precision(self) -> str:
        """Arithmetic of the forward pass: ``bf16`` or ``f32``."""
        wanted = self._config.engine.precision
        if wanted != "auto":
            return wanted
        return native_precision() if self.engine_name == "openvino" else self.engine.precision

    @cached_property
    def engine(self) -> Engine:
        """The engine, built on first use."""
        return self._build_engine(self._config.engine.precision)

    def geometry(self, mode: GeometryMode) -> Geometry:
        """Return the whole geometry that a mode means under this configuration."""
        data = self._config.data
        return Geometry(
            mode=mode,
            size_px=self.size_px,
            interpolation=data.interpolation or self.spec.interpolation,
            crop_fraction=data.crop_fraction or self.spec.crop_fraction,
        )

    def featurise(self, manifest: Manifest, digests: Sequence[str], geometry: Geometry) -> Featured:
        """Return the features of every image that can be decoded.

        Raises:
            StorageError: The cache cannot be written.
        """
        with FeatureStore(self._space(geometry), self.graph.layout.dim) as store:
            if store.rebuilt:
                self._progress.say(f"the feature cache {store.folder.name} was damaged: rebuilt")
            started = time.perf_counter()
            done = extract(
                manifest,
                digests,
                store=store,
                engine=lambda: self.engine,
                geometry=geometry,
                max_pixels=self._config.data.max_pixels,
                progress=self._progress,
            )
        self._note_speed(done.computed, time.perf_counter() - started)
        reasons = {digests[row]: bad.reason for row, bad in done.rejected.items()}
        rejected = {
            row: Rejected(manifest.paths[row], reasons[digest])
            for row, digest in enumerate(digests)
            if digest in reasons
        }
        sound = [digest for digest in digests if digest not in reasons]
        features = StoredFeatures(store.folder, store.dim, sound)
        return Featured(features, rejected, done.computed)

    def _note_speed(self, images: int, seconds: float) -> None:
        if images >= FEWEST_IMAGES:
            speed = Speed(images / seconds, self.precision, self.size_px)
            record_speed(self._cache, self.spec, speed)

    def agreement(self, manifest: Manifest, geometry: Geometry) -> dict[str, float | int | str]:
        """Return how well this precision agrees with float32, measured once a feature space.

        Returns:
            Images compared, smallest and mean cosine between the two feature vectors.
        """
        path = self._space(geometry) / "agreement.json"
        try:
            known: dict[str, float | int | str] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = self._measure_agreement(manifest, geometry)
            write_json(path, known)
        return known

    def _measure_agreement(
        self, manifest: Manifest, geometry: Geometry
    ) -> dict[str, float | int | str]:
        step = max(1, len(manifest) // _AGREEMENT_IMAGES)
        rows = range(0, len(manifest), step)[:_AGREEMENT_IMAGES]
        mine = self._vectors(self.engine, manifest, rows, geometry)
        exact = self._vectors(self._build_engine("f32"), manifest, rows, geometry)
        norms = np.linalg.norm(mine, axis=1) * np.linalg.norm(exact, axis=1)
        cosines = (mine * exact).sum(1) / norms
        return {
            "precision": self.precision,
            "images": len(cosines),
            "cosine_mean": round(float(cosines.mean()), 6),
            "cosine_min": round(float(cosines.min()), 6),
        }

    def _vectors(
        self, engine: Engine, manifest: Manifest, rows: Sequence[int], geometry: Geometry
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        pipeline = ImagePipeline(engine, geometry=geometry, max_pixels=self._config.data.max_pixels)
        answers = [answer for _, answer in pipeline.run(manifest, rows)]
        return np.stack([answer for answer in answers if not isinstance(answer, Rejected)])

    def _space(self, geometry: Geometry) -> Path:
        key = space_key(self.graph, geometry, self.engine_name, self.precision)
        return self._cache / "features" / key

    def _build_engine(self, precision: str) -> Engine:
        if self.engine_name == "openvino":
            threads = self._config.engine.threads
            return OpenVinoEngine(self.graph.path, precision=precision, threads=threads)
        from headstart.engines.torch_engine import TorchEngine

        module = build_module(self.spec, self.weights, size_px=self.size_px, flat=self._flat)
        return TorchEngine(module, precision=precision)
